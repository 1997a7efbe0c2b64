import { once } from 'node:events'
import { connect } from 'node:net'
import { ROOT_CONTEXT, context, trace } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import fastify, { type FastifyInstance } from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { start } from './fixtures/start'

t.test('properties of the instance are on every row of every kind', async t => {
  const { app, emulator, send } = await start(t, {
    options: { properties: { deploymentName: 'blue', slot: 2, canary: true }, serviceName: 'shop' },
    routes: app => {
      app.get('/', async request => {
        request.log.info('a line')
        request.appInsights.trackEvent('happened')
        app.appInsights.tracer.startActiveSpan('step', span => span.end())
        throw new Error('broken')
      })
    }
  })
  await send('/')
  app.log.info('outside')
  await app.close()
  for (const type of ['request', 'trace', 'exception', 'event', 'dependency'] as const) t.ok(emulator.items({ type }).length > 0, type)
  for (const row of emulator.items()) {
    t.match(row, { cloud_RoleName: 'shop', customDimensions: { deploymentName: 'blue', slot: '2', canary: 'true' } }, `${row.type} ${row.name ?? row.message}`)
  }
})

t.test('values set by a hook or handler are on the request, and on its later logs and exceptions', async t => {
  const hooks = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend', 'onResponse'] as const
  const { app, emulator, send } = await start(t, {
    routes: app => {
      for (const name of hooks) {
        app.addHook(name as 'onRequest', async request => { request.appInsights.set(name, true) })
      }
      app.get('/', async request => {
        request.log.info('before')
        request.appInsights.set('tenant', 'acme')
        request.appInsights.setUser('ada')
        request.appInsights.setSession('s-1')
        request.log.info('after')
        return { ok: true }
      })
      app.get('/broken', async request => {
        request.appInsights.set('tenant', 'acme')
        throw new Error('broken')
      })
    }
  })
  await send('/')
  await send('/broken')
  await app.close()

  const all = Object.fromEntries(hooks.map(name => [name, 'true']))
  t.match(emulator.items({ name: 'GET /' })[0], { customDimensions: { ...all, tenant: 'acme' }, user_AuthenticatedId: 'ada', session_Id: 's-1' })
  t.match(emulator.items({ message: 'after' })[0], { customDimensions: { onRequest: 'true', preHandler: 'true', tenant: 'acme' }, user_AuthenticatedId: 'ada', session_Id: 's-1' })
  t.equal(emulator.items({ message: 'before' })[0]!.customDimensions!.tenant, undefined, 'not on earlier ones')
  t.match(emulator.items({ type: 'exception' })[0], { customDimensions: { tenant: 'acme' } })
})

t.test('the most specific source wins: the line, then the request, then the instance', async t => {
  const { app, emulator, send } = await start(t, {
    options: { properties: { from: 'instance', tenant: 'instance', slot: 'instance' } },
    routes: app => {
      app.get('/', async request => {
        request.appInsights.set('from', 'request')
        request.appInsights.set('tenant', 'request')
        request.log.info({ from: 'line' }, 'a whole line')
        request.log.warn({ from: 'line', err: new Error('a line with an error') }, 'a line that is looked into')
        request.appInsights.trackEvent('happened', { from: 'event' })
        return { ok: true }
      })
    }
  })
  await send('/')
  await app.close()
  t.match(emulator.items({ type: 'request' })[0]!.customDimensions, { from: 'request', tenant: 'request', slot: 'instance' })
  for (const message of ['a whole line', 'a line that is looked into']) {
    t.match(emulator.items({ message })[0]!.customDimensions, { from: 'line', tenant: 'request', slot: 'instance' }, message)
  }
  t.match(emulator.items({ type: 'event' })[0]!.customDimensions, { from: 'event', tenant: 'request', slot: 'instance' })
})

t.test('undefined values set nothing', async t => {
  const { app, emulator, send } = await start(t, {
    routes: app => {
      app.get('/', async request => {
        const nobody = undefined as unknown as string
        request.appInsights.set('plan', nobody)
        request.appInsights.set('nothing', null as unknown as string)
        request.appInsights.setUser(nobody)
        request.appInsights.setSession(nobody)
        return { ok: true }
      })
    }
  })
  await send('/')
  await app.close()
  const [row] = emulator.items({ type: 'request' })
  t.strictSame(Object.keys(row!.customDimensions ?? {}).filter(name => ['plan', 'nothing'].includes(name)), [])
  t.strictSame([row!.user_AuthenticatedId, row!.session_Id], [undefined, undefined])
})

t.test('names that the exporter would drop, and values of any kind, are safe to set', async t => {
  const { app, emulator, send } = await start(t, {
    routes: app => {
      app.get('/', async request => {
        const { appInsights } = request
        appInsights.set('url.full', 'http://fake/')
        appInsights.set('http.route', 'fake')
        appInsights.set('microsoft.thing', 'x')
        appInsights.set('__proto__', 'x')
        appInsights.set('', 'x')
        const cyclic: Record<string, unknown> = {}
        cyclic.self = cyclic
        for (const [at, value] of [null, undefined, cyclic, 1n, () => {}, Symbol('s')].entries()) appInsights.set(`value${at}`, value as never)
        appInsights.set('long', 'é'.repeat(10_000))
        return 'ok'
      })
    }
  })
  const response = await send('/')
  t.equal(response.status, 200)
  await app.close()
  const [row] = emulator.items({ type: 'request' })
  t.match(row, { name: 'GET /', customDimensions: { 'field.url.full': 'http://fake/', 'field.http.route': 'fake', 'field.microsoft.thing': 'x', 'field.__proto__': 'x', _: 'x' } })
  t.ok(Buffer.byteLength(row!.customDimensions!.long!) <= 8_192)
  t.match(row!.customDimensions!.long, /…\(cut from \d+\)$/)
})

t.test('an incoming traceparent is used, and a malformed one starts a new operation', async t => {
  const { app, emulator, send } = await start(t, { routes: app => { app.get('/:which', async () => 'ok') } })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const parentId = 'b7ad6b7169203331'
  await send('/good', { headers: { traceparent: `00-${traceId}-${parentId}-01`, tracestate: 'vendor=1' } })
  t.match(await emulator.waitFor({ type: 'request', url: /good/ }), { operation_Id: traceId, operation_ParentId: parentId })

  const malformed = [
    'rubbish', '', `00-${'0'.repeat(32)}-${parentId}-01`, `00-${traceId}-${'0'.repeat(16)}-01`, `ff-${traceId}-${parentId}-01`,
    `00-${traceId.toUpperCase()}-${parentId}-01`, `00-${traceId}-${parentId}`, `00-${traceId}-${parentId}-01-extra`, 'x'.repeat(8_000)
  ]
  for (const traceparent of malformed) await send('/bad', { headers: { traceparent } })
  await send('/bad')
  await app.close()
  const rows = emulator.items({ type: 'request', url: /bad/ })
  t.equal(rows.length, malformed.length + 1)
  t.equal(new Set(rows.map(row => row.operation_Id)).size, rows.length, 'each its own operation')
  for (const row of rows) {
    t.match(row.operation_Id, /^[0-9a-f]{32}$/)
    t.not(row.operation_Id, traceId)
    t.notOk(row.operation_ParentId)
  }
})

t.test('a request made by inject() inside another is part of its operation', async t => {
  const { app, emulator, send } = await start(t, {
    routes: app => {
      app.get('/outer', async () => (await app.inject('/inner')).body)
      app.get('/inner', async request => { request.log.info('within'); return trace.getActiveSpan()!.spanContext().spanId })
    }
  })
  const spanId = await (await send('/outer')).text()
  await app.close()
  const [outer] = emulator.items({ name: 'GET /outer' })
  const [inner] = emulator.items({ name: 'GET /inner' })
  t.equal(inner!.id, spanId)
  t.match(inner, { operation_Id: outer!.operation_Id, operation_ParentId: outer!.id, operation_Name: 'GET /inner' })
  t.match(emulator.items({ message: 'within' })[0], { operation_ParentId: inner!.id, operation_Name: 'GET /inner' })
})

t.test('an app that begins to listen inside an operation or a span: its requests are operations of their own, with their own sampling', async t => {
  const provider = new BasicTracerProvider()
  const startUps: Array<[name: string, listen: (app: FastifyInstance, listen: () => Promise<string>) => Promise<string>]> = [
    ['an operation', async (app, listen) => await app.appInsights.operation('start-up', listen)],
    ['an operation that is sampled out', async (app, listen) => await app.appInsights.operation('start-up', listen)],
    ["the app's span", async (app, listen) => await app.appInsights.tracer.startActiveSpan('start-up', async span => await listen().finally(() => span.end()))],
    ["another tracer's span", async (_app, listen) => await context.with(trace.setSpan(context.active(), provider.getTracer('other').startSpan('start-up')), async () => {
      const url = await listen()
      trace.getActiveSpan()!.end()
      return url
    })]
  ]
  for (const [name, during] of startUps) {
    await t.test(name, async t => {
      const emulator = await startEmulator()
      t.teardown(async () => await emulator.close())
      const app = fastify()
      t.teardown(async () => await app.close())
      const sampler = { shouldSample: (_context: unknown, _id: string, name: string) => ({ decision: name === 'start-up' ? 0 : 2 }), toString: () => 'no start-up' }
      await app.register(appInsightsPlugin, { connectionString: emulator.connectionString, ...(name.endsWith('sampled out') ? { sampler } : {}) })
      app.get('/:n', async () => 'ok')
      const url = await during(app, async () => await app.listen({ port: 0, host: '127.0.0.1' }))
      const port = Number(new URL(url).port)
      for (const path of ['/1', '/2', '/%zz']) await (await context.with(suppressTracing(ROOT_CONTEXT), fetch, undefined, url + path)).text()
      const refused = connect(port, '127.0.0.1')
      refused.end('GET /refused HTTP/1.1\r\nno header\r\n\r\n')
      await once(refused.resume(), 'close')
      await app.close()
      const rows = emulator.items({ type: 'request', name: /^GET/ })
      t.equal(rows.length, 4)
      t.equal(new Set(rows.map(row => row.operation_Id)).size, 4, 'each has its own trace')
      for (const row of rows) t.notOk(row.operation_ParentId, row.url!)
    })
  }
})
