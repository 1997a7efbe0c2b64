import type { FastifyInstance } from 'fastify'
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

t.test('a ratio of 0 sends no requests and no request logs, and says how many it kept back', async t => {
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

t.test("a caller's decision is respected", async t => {
  const { app, emulator, send } = await start(t, { options: { samplingRatio: 0.000_01 }, routes })
  const ids = ['1', '2', '3', '4', '5'].map(digit => digit.repeat(32))
  for (const id of ids) await send('/', { headers: { traceparent: `00-${id}-b7ad6b7169203331-01` } })
  await send('/', { headers: { traceparent: `00-${'6'.repeat(32)}-b7ad6b7169203331-00` } })
  await app.close()
  t.same(emulator.items({ type: 'request' }).map(row => row.operation_Id), ids)
  t.ok(emulator.items({ type: 'request' }).every(row => row.itemCount === 1), 'kept by the caller: each stands for itself')
})

t.test('two services sample the same traces', async t => {
  const one = await start(t, { options: { samplingRatio: 0.3 }, routes })
  const two = await start(t, { options: { samplingRatio: 0.3 }, routes })
  const ids = Array.from({ length: 200 }, (_, n) => (n + 1).toString(16).padStart(4, '0').repeat(8))
  const sampledBy = async ({ app, emulator }: typeof one): Promise<unknown[]> => {
    // Browsers and some gateways send the flag 01 without sampling at all; here nothing is said, as a new trace would be.
    for (const id of ids) await app.inject({ url: '/', headers: { traceparent: `00-${id}-b7ad6b7169203331-01` } })
    await app.close()
    return emulator.items({ type: 'request' }).filter(row => row.itemCount !== 1).map(row => row.operation_Id)
  }
  // Bodies overtake each other.
  const [first, second] = [(await sampledBy(one)).sort(), (await sampledBy(two)).sort()]
  t.same(first, second)
  t.ok(first.length > 20 && first.length < 120, `${first.length} of ${ids.length}`)
})

t.test('failed and slow requests are kept although sampled out, with their logs, and stand for themselves', async t => {
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

t.test('where errors are kept, the others still stand for as many as the ratio says', async t => {
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

t.test('tracesPerSecond bounds a burst, and lets a trickle through', async t => {
  const { app, emulator } = await start(t, { options: { tracesPerSecond: 5 }, routes })
  await app.inject('/')
  for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 20 }, async () => await app.inject('/')))
  await app.close()
  const rows = emulator.items({ type: 'request' })
  t.ok(rows.length >= 1 && rows.length < 120, `${rows.length} of 601 rows`)
  t.equal(rows[0]!.itemCount, 1, 'the first comes whole')
})

t.test("an OpenTelemetry sampler of the app's own decides instead", async t => {
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
