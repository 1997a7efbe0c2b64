import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { context, propagation, trace } from '@opentelemetry/api'
import fastify, { type FastifyInstance } from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { sink, start } from './fixtures/start'

const run = promisify(execFile)
const fixture = (name: string): string => join(__dirname, 'fixtures', name)

t.test('close() sends what is pending', async t => {
  const { app, emulator, send } = await start(t, { routes: app => { app.get('/', async request => { request.log.info('last words'); return 'ok' }) } })
  await send('/')
  await app.close()
  t.equal(emulator.items({ type: 'request' }).length, 1)
  t.equal(emulator.items({ message: 'last words' }).length, 1)
})

t.test('a request in flight when close() is called is reported with its real outcome', async t => {
  let release = (): void => {}
  const { app, emulator, send } = await start(t, {
    routes: app => { app.get('/', async () => { await new Promise<void>(resolve => { release = resolve }); return 'ok' }) }
  })
  const pending = send('/')
  while (app.appInsights.stats().openRequests === 0) await new Promise(resolve => setImmediate(resolve))
  const closing = app.close()
  setTimeout(release, 50)
  t.equal((await pending).status, 200)
  await closing
  t.match(emulator.items({ type: 'request' }), [{ resultCode: '200', success: true }])
})

t.test('a request that arrives while the server is closing gets a 503, and is a row', async t => {
  let release = (): void => {}
  const { app, emulator, port } = await start(t, {
    routes: app => { app.get('/', async () => { await new Promise<void>(resolve => { release = resolve }); return 'ok' }) }
  })
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.on('data', chunk => { received += String(chunk) })
  socket.write('GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n')
  while (app.appInsights.stats().openRequests === 0) await new Promise(resolve => setImmediate(resolve))
  const closing = app.close()
  await new Promise(resolve => setTimeout(resolve, 50))
  socket.write('GET /?token=abc HTTP/1.1\r\nhost: shop.test\r\n\r\n')
  setTimeout(release, 50)
  await once(socket, 'close')
  await closing
  t.match(received, /HTTP\/1\.1 200 OK[^]*HTTP\/1\.1 503 Service Unavailable/)
  t.match(emulator.items({ type: 'request' }), [{ resultCode: '200' }, { name: 'GET (unmatched)', resultCode: '503', success: false, url: 'http://shop.test/?token=REDACTED' }])
})

t.test('the process exits by itself after close(), even if nothing was ever sent', async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  for (const mode of ['idle', 'busy']) {
    const { stdout } = await run(process.execPath, [fixture('closes.mjs'), mode], { env: { ...process.env, APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString }, timeout: 30_000 })
    t.equal(stdout, 'closed\n', mode)
  }
  t.equal(emulator.items({ type: 'request' }).length, 1)
})

t.test("two instances in one process don't mix, and closing one leaves the other working", async t => {
  const build = (name: string) => (app: FastifyInstance): void => {
    app.get('/', async request => {
      request.log.info(`line of ${name}`)
      // The process-wide API finds the instance through the operation.
      trace.getTracer('anyone').startActiveSpan(`step of ${name}`, span => span.end())
      return name
    })
  }
  const one = await start(t, { emulator: { instrumentationKey: '11111111-1111-1111-1111-111111111111' }, options: { serviceName: 'one' }, routes: build('one') })
  const two = await start(t, { emulator: { instrumentationKey: '22222222-2222-2222-2222-222222222222' }, options: { serviceName: 'two' }, routes: build('two') })
  await Promise.all([one.send('/'), two.send('/'), one.send('/'), two.send('/')])
  await one.app.close()
  await two.send('/')
  await two.app.close()
  for (const [{ emulator }, name, requests] of [[one, 'one', 2], [two, 'two', 3]] as const) {
    t.equal(emulator.items({ type: 'request' }).length, requests)
    t.equal(emulator.items({ name: `step of ${name}` }).length, requests)
    t.ok(emulator.items().every(row => row.cloud_RoleName === name && row.iKey === (name === 'one' ? '1' : '2').repeat(8) + row.iKey!.slice(8)))
  }
})

t.test('the process-wide registration exists while an instance is open, and is gone afterwards', async t => {
  const { app, send } = await start(t, { routes: app => { app.get('/', async () => trace.getActiveSpan()?.spanContext().traceId ?? 'none') } })
  t.match(await (await send('/')).text(), /^[0-9a-f]{32}$/)
  await app.close()
  const span = trace.getTracer('anyone').startSpan('after')
  t.notOk(span.isRecording(), 'the tracer does nothing again')
  t.equal(context.with(trace.setSpan(context.active(), span), () => trace.getActiveSpan()), undefined, 'no context is kept')
  t.same(propagation.fields(), [])
})

t.test("the app's own registrations stay", async t => {
  const own = { getTracer: () => trace.getTracer('none') }
  trace.setGlobalTracerProvider(own)
  t.teardown(() => { trace.disable() })
  const { app, send, emulator } = await start(t, { routes: app => { app.get('/', async () => 'ok') } })
  await send('/')
  await app.close()
  t.equal(emulator.items({ type: 'request' }).length, 1)
  t.equal((trace.getTracerProvider() as unknown as { getDelegate: () => unknown }).getDelegate(), own)
})

t.test('an endpoint that is down changes no response, and close() has a time limit', async t => {
  const app = fastify({ logger: { stream: sink() } })
  t.teardown(async () => await app.close())
  await app.register(appInsightsPlugin, {
    connectionString: 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:1',
    storageDirectory: t.testdir({}),
    closeTimeout: 500
  })
  app.get('/', async request => { request.log.info('a line'); return { ok: true } })
  for (let n = 0; n < 20; n++) t.match(await app.inject('/'), { statusCode: 200, body: '{"ok":true}' })
  await t.resolves(app.close())
})

t.test('callbacks that throw cause one warning and nothing else', async t => {
  const stream = sink()
  const { app, emulator, send } = await start(t, {
    server: { logger: { level: 'info', stream } },
    options: {
      ignore: () => { throw new Error('in ignore') },
      requests: { success: () => { throw new Error('in success') }, enrich: () => { throw new Error('in enrich') } },
      logs: { filter: () => { throw new Error('in filter') } },
      spanProcessors: [{
        onStart () { throw new Error('in onStart') },
        onEnd () { throw new Error('in onEnd') },
        async forceFlush () { throw new Error('in forceFlush') },
        async shutdown () { throw new Error('in shutdown') }
      }]
    },
    routes: app => { app.get('/', async request => { request.log.info('a line'); return 'ok' }) }
  })
  for (let n = 0; n < 3; n++) t.equal((await send('/')).status, 200)
  await app.close()
  t.equal(emulator.items({ type: 'request', success: true }).length, 3)
  t.equal(emulator.items({ message: 'a line' }).length, 3)
  for (const which of ['in ignore', 'in success', 'in enrich', 'in filter', 'in onStart']) {
    t.equal(stream.lines.filter(line => line.includes(which)).length, 1, `one warning: ${which}`)
    t.equal(emulator.items().filter(row => JSON.stringify(row.envelope).includes(which)).length, 0, 'which is no telemetry')
  }
})

t.test("close() doesn't fail if a log destination is gone before the app", async t => {
  let isGone = false
  const stream = { write () { if (isGone) throw new Error('destroyed') } }
  const { app, send } = await start(t, { server: { logger: { level: 'debug', stream } }, routes: app => { app.get('/', async () => 'ok') } })
  await send('/')
  isGone = true
  await t.resolves(app.close())
})

t.test("if the disk isn't writable it works from memory, with one warning", async t => {
  const lines = sink()
  // No folder can be created below a regular file, not even by root.
  const storageDirectory = join(__filename, 'telemetry')
  const { app, emulator, send, flush } = await start(t, {
    options: { storageDirectory },
    server: { logger: { level: 'debug', stream: lines } },
    routes: app => { app.get('/', async () => 'ok') }
  })
  let isAway = true
  const away = new Promise<void>(resolve => emulator.respondWith(() => { resolve(); return isAway ? { status: 503 } : undefined }))
  await send('/')
  await send('/')
  void flush()
  await away
  isAway = false
  await emulator.waitFor({ type: 'request' }, { timeout: 20_000 })
  await app.close()
  t.equal(emulator.items({ type: 'request' }).length, 2)
  const warnings = lines.lines.filter(line => line.includes('wait on disk'))
  t.equal(warnings.length, 1, 'one warning')
  t.match(warnings[0], /"level":40.*(ENOTDIR|ENOENT)/)
})
