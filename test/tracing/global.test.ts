import { createServer, type IncomingHttpHeaders } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TextMapPropagator, ROOT_CONTEXT, context, metrics, propagation, trace } from '@opentelemetry/api'
import { SeverityNumber, logs } from '@opentelemetry/api-logs'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

/** What a server behind the app receives, call by call. */
async function callee (t: Test): Promise<{ url: string, seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    response.end('fine')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen }
}

/** B3's single-header format, as far as a test needs it. */
const B3: TextMapPropagator = {
  inject (where, carrier, setter) {
    const span = trace.getSpanContext(where)
    if (span !== undefined) setter.set(carrier, 'b3', `${span.traceId}-${span.spanId}-${span.traceFlags & 1}`)
  },
  extract (where, carrier, getter) {
    const [traceId, spanId, flags] = String(getter.get(carrier, 'b3') ?? '').split('-')
    return traceId === undefined || spanId === undefined ? where : trace.setSpanContext(where, { traceId, spanId, traceFlags: Number(flags), isRemote: true })
  },
  fields: () => ['b3']
}

t.test('logs API records are rows of their operation', async t => {
  const logger = logs.getLogger('a-library')
  const { app, emulator } = await start(t, {
    server: { logger: false },
    options: { logs: false, properties: { region: 'north' } },
    routes: app => {
      app.get('/', async request => {
        request.appInsights.set('tenant', 'acme')
        logger.emit({ body: 'cache warmed', severityNumber: SeverityNumber.WARN, attributes: { items: 3, nested: { a: [1] }, 'http.url': 'https://a.test/?token=s3cret' } })
        logger.emit({ body: 'failed', severityNumber: SeverityNumber.ERROR, attributes: { 'exception.type': 'CacheError', 'exception.message': 'gone', 'exception.stacktrace': 'CacheError: gone\n    at cache' } })
        logger.emit({ eventName: 'cache.cleared' })
        const error = new RangeError('too far')
        logger.emit({ body: 'and again', exception: error } as Parameters<typeof logger.emit>[0])
        throw error
      })
    }
  })
  await app.inject('/')
  logger.emit({ body: 'outside' })
  await app.close()
  logger.emit({ body: 'after the close' })
  const [request] = emulator.items({ type: 'request' })
  const traces = emulator.items({ type: 'trace' })
  t.match(traces, [
    { message: 'cache warmed', severityLevel: 2, operation_Id: request!.operation_Id, operation_ParentId: request!.id, operation_Name: 'GET /', customDimensions: { items: '3', nested: '{"a":[1]}', tenant: 'acme', region: 'north', 'field.http.url': 'https://a.test/?token=REDACTED' } },
    { message: 'cache.cleared', severityLevel: 1, operation_Name: 'GET /' },
    { message: 'outside', operation_Name: undefined, customDimensions: { region: 'north' } }
  ])
  t.equal(traces.length, 3)
  t.match(emulator.items({ type: 'exception' }), [
    { exceptionType: 'CacheError', message: 'gone', severityLevel: 3, operation_Name: 'GET /' },
    { exceptionType: 'RangeError', message: 'too far', operation_Name: 'GET /' }
  ])
  t.equal(emulator.items({ type: 'exception' }).length, 2, 'an Error that was recorded and thrown is one row')
})

t.test('records have their own time in any form, and the severity of their text; a time that is none does not throw', async t => {
  const logger = logs.getLogger('a-library')
  const at = new Date(Date.now() - 60_000)
  const seconds = Math.floor(at.getTime() / 1_000)
  const times = { date: at, milliseconds: at.getTime(), pair: [seconds, 0] as [number, number] }
  const { app, emulator, flush } = await start(t)
  for (const [body, timestamp] of Object.entries(times)) {
    logger.emit({ body, timestamp })
    logger.emit({ body, timestamp, exception: new Error(body) } as Parameters<typeof logger.emit>[0])
  }
  logger.emit({ body: 'disk full', severityText: 'ERROR' })
  logger.emit({ body: 'odd', severityText: 'LOUD', timestamp: 'yesterday' as unknown as Date, observedTimestamp: {} as Date })
  await flush()
  await app.close()
  for (const body of Object.keys(times)) {
    for (const row of [emulator.items({ type: 'trace', message: body })[0], emulator.items({ type: 'exception', outerMessage: body })[0]]) {
      t.equal(Math.floor(Date.parse(row!.timestamp) / 1_000), seconds, `${row!.type} with ${body}`)
    }
  }
  t.match(emulator.items({ message: 'disk full' }), [{ severityLevel: 3 }])
  t.match(emulator.items({ message: 'odd' }), [{ severityLevel: 1 }])
})

t.test("a logger destination that writes to the logs API doesn't duplicate a line's row", async t => {
  const logger = logs.getLogger('@opentelemetry/instrumentation-pino')
  const { app, emulator } = await start(t, { server: { logger: { stream: { write (line) { logger.emit({ body: (JSON.parse(line) as { msg: string }).msg }) } } } } })
  app.log.info('once')
  await app.close()
  t.equal(emulator.items({ message: 'once' }).length, 1)
})

t.test('instruments of the global meter are metrics, and the global tracer makes spans', async t => {
  const { app, emulator } = await start(t, {
    routes: app => {
      app.get('/', async () => {
        metrics.getMeter('a-library').createCounter('orders').add(3, { shop: 'north' })
        trace.getTracer('a-library').startActiveSpan('step', span => span.end())
      })
    }
  })
  await app.inject('/')
  await app.close()
  t.match(emulator.items({ type: 'metric', name: 'orders' }), [{ value: 3, customDimensions: { shop: 'north' } }])
  t.match(emulator.items({ type: 'dependency' }), [{ name: 'step', operation_Name: 'GET /' }])
})

t.test('baggage is propagated, and becomes a property if enabled', async t => {
  for (const baggage of [undefined, true, ['tenant']] as const) {
    const { url, seen } = await callee(t)
    const { app, emulator } = await start(t, {
      options: baggage === undefined ? {} : { baggage: baggage === true ? true : [...baggage] },
      routes: app => {
        app.get('/', async request => {
          t.equal(propagation.getActiveBaggage()?.getEntry('tenant')?.value, 'acme')
          request.log.info('a line')
          await fetch(url)
        })
      }
    })
    await app.inject({ url: '/', headers: { baggage: 'tenant=acme,plan=pro' } })
    await app.close()
    t.equal(seen[0]!.baggage, 'tenant=acme,plan=pro')
    const expected = { tenant: baggage === undefined ? undefined : 'acme', plan: baggage === true ? 'pro' : undefined }
    for (const row of [...emulator.items({ type: 'request' }), ...emulator.items({ message: 'a line' }), ...emulator.items({ type: 'dependency' })]) t.match(row.customDimensions, expected)
  }
})

t.test("with the app's own propagator, its headers are read and written alongside traceparent", async t => {
  propagation.setGlobalPropagator(B3)
  t.teardown(() => propagation.disable())
  const { url, seen } = await callee(t)
  const { app, emulator } = await start(t, { routes: app => { app.get('/', async () => { await fetch(url) }) } })
  await app.inject({ url: '/', headers: { b3: `${CALLER.traceId}-${CALLER.spanId}-1` } })
  await app.inject({ url: '/', headers: { b3: `${'f'.repeat(32)}-${'e'.repeat(16)}-1`, traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01` } })
  await app.inject({ url: '/', headers: { b3: 'nonsense', traceparent: 'nonsense' } })
  await app.close()
  const requests = emulator.items({ type: 'request' })
  t.match(requests.slice(0, 2), [{ operation_Id: CALLER.traceId, operation_ParentId: CALLER.spanId }, { operation_Id: CALLER.traceId, operation_ParentId: CALLER.spanId }], 'W3C comes first')
  const calls = emulator.items({ type: 'dependency' })
  for (const [n, headers] of seen.entries()) {
    t.equal(headers.traceparent, `00-${requests[n]!.operation_Id}-${calls[n]!.id}-01`)
    t.equal(headers.b3, `${requests[n]!.operation_Id}-${calls[n]!.id}-1`)
  }
})

t.test('OTEL_PROPAGATORS', async t => {
  const cases: Array<[value: string, joins: boolean, traceparent: boolean, baggage: string | undefined]> = [
    ['tracecontext', true, true, undefined], ['baggage', true, true, 'a=b'], ['tracecontext,baggage', true, true, 'a=b'], ['none', false, false, undefined]
  ]
  t.teardown(() => { delete process.env.OTEL_PROPAGATORS })
  for (const [value, joins, traceparent, baggage] of cases) {
    process.env.OTEL_PROPAGATORS = value
    const { url, seen } = await callee(t)
    const { app, emulator } = await start(t, { routes: app => { app.get('/', async () => { await fetch(url) }) } })
    await app.inject({ url: '/', headers: { baggage: 'a=b', traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01` } })
    await app.close()
    t.match([emulator.items({ type: 'request' })[0]!.operation_Id === CALLER.traceId, seen[0]!.traceparent !== undefined, seen[0]!.baggage], [joins, traceparent, baggage], value)
  }
})

t.test("the app's earlier registrations stay, and ours are removed with the last app", async t => {
  const manager = new AsyncLocalStorageContextManager()
  context.setGlobalContextManager(manager)
  const first = await start(t)
  const second = await start(t)
  await first.app.close()
  t.ok(logs.getLogger('x').enabled?.({}))
  await second.app.close()
  t.notOk(logs.getLogger('x').enabled?.({}))
  const key = Symbol('key')
  t.equal(context.with(ROOT_CONTEXT.setValue(key, 1), () => context.active().getValue(key)), 1, "the app's context manager works on")
  context.disable()
  t.notOk(trace.getTracer('x').startSpan('x').isRecording())
  t.same(propagation.fields(), [])
})
