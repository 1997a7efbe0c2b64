import { randomBytes } from 'node:crypto'
import { AlwaysOffSampler, ParentBasedSampler } from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance } from 'fastify'
import type { Row } from 'fastify-app-insights/emulator'
import t from 'tap'
import { start } from './fixtures/start'

function routes (app: FastifyInstance): void {
  app.get('/', async request => {
    request.log.info('a line')
    app.appInsights.tracer.startActiveSpan('step', span => span.end())
    return 'ok'
  })
  app.get('/broken', async request => {
    request.log.info('a line')
    throw new Error('broken')
  })
  app.get('/slow', async request => {
    request.log.info('a line')
    await new Promise(resolve => setTimeout(resolve, 120))
    return 'ok'
  })
}

t.test('a ratio of 0 sends no requests or request logs, and reports how many it left out', async t => {
  const { app, emulator, send } = await start(t, { options: { samplingRatio: 0 }, routes })
  await send('/')
  await send('/broken')
  await send('/', { headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } })
  app.log.info('outside of requests')
  t.ok(app.appInsights.stats().sampledOut >= 6)
  t.equal(app.appInsights.stats().openRequests, 0)
  await app.close()
  t.equal(emulator.items({ type: 'request' }).length, 0)
  t.equal(emulator.items({ message: 'a line' }).length, 0)
  t.equal(emulator.items({ type: 'exception' }).length, 0)
  t.equal(emulator.items({ message: 'outside of requests' }).length, 1)
})

t.test('a ratio of 0.25 sends about a quarter, whole operations, and each row stands for four', async t => {
  const { app, emulator } = await start(t, { options: { samplingRatio: 0.25 }, routes })
  const total = 1_200
  for (let sent = 0; sent < total; sent += 50) await Promise.all(Array.from({ length: 50 }, async () => await app.inject('/')))
  await app.close()
  const requests = emulator.items({ type: 'request' })
  // Five standard deviations of a binomial distribution on either side.
  t.ok(Math.abs(requests.length - total / 4) < 75, `${requests.length} of ${total}`)
  const kept = new Set(requests.map(row => row.operation_Id))
  const lines = emulator.items({ message: 'a line' })
  const steps = emulator.items({ type: 'dependency' })
  t.equal(lines.length, requests.length)
  t.equal(steps.length, requests.length)
  t.ok([...lines, ...steps].every(row => kept.has(row.operation_Id!)), "a request's rows share its fate")
  t.ok([...requests, ...steps].every(row => row.envelope.sampleRate === 25 && row.itemCount === 4))
})

/** Different trace ids, as callers send them. */
const traceIds = (count: number): string[] => Array.from({ length: count }, () => randomBytes(16).toString('hex'))

for (const flag of ['00', '01']) {
  t.test(`our own ratio decides, whatever a caller's flag says: ${flag}`, async t => {
    const ids = traceIds(600)
    const keep = async (samplingRatio: number): Promise<Row[]> => {
      const { app, emulator } = await start(t, { options: { samplingRatio, metrics: false }, routes })
      for (const id of ids) await app.inject({ url: '/', headers: { traceparent: `00-${id}-b7ad6b7169203331-${flag}` } })
      await app.close()
      return emulator.items({ type: 'request' })
    }
    const some = await keep(0.1)
    const stoodFor = some.reduce((sum, row) => sum + row.itemCount, 0)
    // Five standard deviations of a binomial distribution on either side.
    t.ok(Math.abs(stoodFor - 600) < 370, `${some.length} rows stand for ${stoodFor} of 600 requests`)
    t.ok(some.every(row => row.itemCount === 10))
    t.equal((await keep(1)).length, 600)
  })
}

t.test('outgoing headers carry our decision', async t => {
  const seen: string[] = []
  const { app, url } = await start(t, {
    options: { samplingRatio: 0.5 },
    routes: app => {
      app.get('/callee', { config: { appInsights: false } }, async request => { seen.push(String(request.headers.traceparent)) })
      app.get('/', async () => { await fetch(`${url}/callee`) })
    }
  })
  const ids = traceIds(30)
  for (const id of ids) await app.inject({ url: '/', headers: { traceparent: `00-${id}-b7ad6b7169203331-01` } })
  t.same(seen.map(header => header.slice(3, 35)), ids, 'one trace')
  const sampled = seen.filter(header => header.endsWith('-01')).length
  t.ok(sampled > 0 && sampled < 30, `${sampled} of 30`)
})

t.test('to follow the caller, pass a ParentBasedSampler', async t => {
  const { app, emulator } = await start(t, { options: { sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }) }, routes })
  const [kept, left] = traceIds(2)
  await app.inject({ url: '/', headers: { traceparent: `00-${kept}-b7ad6b7169203331-01` } })
  await app.inject({ url: '/', headers: { traceparent: `00-${left}-b7ad6b7169203331-00` } })
  await app.inject('/')
  await app.close()
  t.match(emulator.items({ type: 'request' }), [{ operation_Id: kept }])
  t.equal(emulator.items({ type: 'request' }).length, 1)
})

t.test('tracesPerSecond also limits callers that sample everything', async t => {
  const { app, emulator } = await start(t, { options: { tracesPerSecond: 5, metrics: false }, routes })
  for (const id of traceIds(600)) await app.inject({ url: '/', headers: { traceparent: `00-${id}-b7ad6b7169203331-01` } })
  await app.close()
  const rows = emulator.items({ type: 'request' })
  t.ok(rows.length >= 1 && rows.length < 120, `${rows.length} of 600 rows`)
})

t.test('two services sample the same traces', async t => {
  const one = await start(t, { options: { samplingRatio: 0.3 }, routes })
  const two = await start(t, { options: { samplingRatio: 0.3 }, routes })
  const ids = Array.from({ length: 200 }, (_, n) => (n + 1).toString(16).padStart(4, '0').repeat(8))
  const sampledBy = async ({ app, emulator }: typeof one): Promise<unknown[]> => {
    // Browsers and some gateways send the flag 01 without sampling anything, so it means nothing here, as in a new trace.
    for (const id of ids) await app.inject({ url: '/', headers: { traceparent: `00-${id}-b7ad6b7169203331-01` } })
    await app.close()
    return emulator.items({ type: 'request' }).filter(row => row.itemCount !== 1).map(row => row.operation_Id)
  }
  // Bodies may arrive out of order.
  const [first, second] = [(await sampledBy(one)).sort(), (await sampledBy(two)).sort()]
  t.same(first, second)
  t.ok(first.length > 20 && first.length < 120, `${first.length} of ${ids.length}`)
})

t.test('failed and slow requests are kept with their logs even if sampled out, and count as one', async t => {
  const { app, emulator, send } = await start(t, { options: { samplingRatio: 0.000_01, keepErrors: true, keepSlowerThan: 100 }, routes })
  await send('/')
  await send('/broken')
  await send('/slow')
  await send('/nowhere')
  await app.close()
  t.same(emulator.items({ type: 'request' }).map(row => [row.name, row.itemCount]), [['GET /broken', 1], ['GET /slow', 1], ['GET (unmatched)', 1]])
  t.same(emulator.items({ message: 'a line' }).map(row => row.operation_Name), ['GET /broken', 'GET /slow'])
  t.match(emulator.items({ type: 'exception' }), [{ operation_Name: 'GET /broken' }])
})

t.test('if errors are kept, the other rows still count according to the ratio', async t => {
  const { app, emulator } = await start(t, { options: { samplingRatio: 0.5, keepErrors: true }, routes })
  for (let n = 0; n < 100; n++) {
    await app.inject('/')
    await app.inject('/broken')
  }
  await app.close()
  t.equal(emulator.items({ name: 'GET /broken', itemCount: 1 }).length, 100)
  const others = emulator.items({ type: 'request', name: 'GET /' })
  t.ok(others.length > 20 && others.length < 80 && others.every(row => row.itemCount === 2), `${others.length} of 100`)
})

t.test("a route's own ratio overrides the app's", async t => {
  const { app, emulator } = await start(t, {
    options: { samplingRatio: 0.5, metrics: false },
    routes: app => {
      app.get('/never', { config: { appInsights: { samplingRatio: 0 } } }, async request => { request.log.info('never') })
      app.get('/always', { config: { appInsights: { samplingRatio: 1 } } }, async request => { request.log.info('always') })
      app.get('/usual', { config: { appInsights: true } }, async () => {})
      t.throws(() => app.get('/wrong', { config: { appInsights: { samplingRatio: 2 } } }, async () => {}), { code: 'FAI_ERR_OPTION_INVALID', message: /config\.appInsights\.samplingRatio/ })
      t.throws(() => app.get('/wrong', { config: { appInsights: 'no' } } as object, async () => {}), { code: 'FAI_ERR_OPTION_INVALID' })
    }
  })
  for (let n = 0; n < 60; n++) for (const url of ['/never', '/always', '/usual']) await app.inject(url)
  await app.close()
  t.equal(emulator.items({ type: 'request', name: 'GET /never' }).length, 0)
  t.equal(emulator.items({ message: 'never' }).length, 0)
  t.equal(emulator.items({ type: 'request', name: 'GET /always', itemCount: 1 }).length, 60)
  t.equal(emulator.items({ message: 'always' }).length, 60)
  const usual = emulator.items({ type: 'request', name: 'GET /usual' }).length
  t.ok(usual > 5 && usual < 55, `${usual} of 60`)
})

t.test('sampleAzureOnly: other destinations get everything', async t => {
  const seen: Record<string, number> = {}
  const count = (name: string): void => { seen[name] = (seen[name] ?? 0) + 1 }
  const nothing = async (): Promise<void> => {}
  const { app, emulator } = await start(t, {
    options: {
      samplingRatio: 0.2,
      sampleAzureOnly: true,
      metrics: false,
      spanProcessors: [{ onStart () {}, onEnd: span => { if ((span.spanContext().traceFlags & 1) === 1) count(span.name) }, forceFlush: nothing, shutdown: nothing }],
      logRecordProcessors: [{ onEmit: record => count(String(record.body)), forceFlush: nothing, shutdown: nothing }]
    },
    routes
  })
  for (let n = 0; n < 100; n++) await app.inject('/')
  const { sampledOut } = app.appInsights.stats()
  await app.close()
  t.match(seen, { 'GET /': 100, step: 100, 'a line': 100 })
  const requests = emulator.items({ type: 'request' })
  t.ok(requests.length > 2 && requests.length < 50 && requests.every(row => row.itemCount === 5), `${requests.length} of 100`)
  t.equal(emulator.items({ message: 'a line' }).length, requests.length)
  t.equal(emulator.items({ type: 'dependency' }).length, requests.length)
  t.equal(sampledOut, 3 * (100 - requests.length))
})

t.test('requests left out by `ignore` are counted separately from sampling', async t => {
  const { app } = await start(t, {
    options: { ignore: ['/'], samplingRatio: 0 },
    routes: app => {
      routes(app)
      app.get('/silent', { config: { appInsights: false } }, async request => { request.log.info('a line') })
    }
  })
  await app.inject('/')
  await app.inject('/silent')
  t.match(app.appInsights.stats(), { ignored: 4, sampledOut: 0 }, 'requests and their lines')
  await app.inject('/broken')
  t.match(app.appInsights.stats(), { ignored: 4, sampledOut: 3 })
})

t.test('tracesPerSecond limits a burst, and lets a trickle through', async t => {
  const { app, emulator } = await start(t, { options: { tracesPerSecond: 5 }, routes })
  await app.inject('/')
  for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 20 }, async () => await app.inject('/')))
  await app.close()
  const rows = emulator.items({ type: 'request' })
  t.ok(rows.length >= 1 && rows.length < 120, `${rows.length} of 601 rows`)
  t.equal(rows[0]!.itemCount, 1, 'the first comes whole')
})

t.test("the app's own OpenTelemetry sampler decides instead", async t => {
  const seen: unknown[] = []
  const { app, emulator, send } = await start(t, {
    options: {
      sampler: {
        shouldSample (_context, _traceId, name, kind, attributes) {
          seen.push({ name, kind, route: attributes['http.route'] })
          return { decision: name === 'GET /slow' ? 2 : 0 }
        },
        toString: () => 'mine'
      }
    },
    routes
  })
  await send('/')
  await send('/slow')
  await app.close()
  t.same(emulator.items({ type: 'request' }).map(row => row.name), ['GET /slow'])
  t.match(seen, [{ name: 'GET /', kind: 1, route: '/' }, { name: 'GET /slow', kind: 1, route: '/slow' }])
})
