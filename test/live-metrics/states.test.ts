import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { diag, DiagLogLevel } from '@opentelemetry/api'
import fastify from 'fastify'
import appInsightsPlugin, { type AppInsightsOptions } from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { LiveMetrics, type LiveMetricsOptions } from '../../dist/live-metrics/index.js'
import { LiveCounters } from '../../dist/live-metrics/counters.js'
import { parseConnectionString } from '../../dist/options/connection-string.js'
import { plainNode } from '../fixtures/plain-node'
import { start } from '../fixtures/start'
import { until } from '../fixtures/live'

const KEY = '11111111-2222-3333-4444-555555555555'
/** A tenth and less of the real waits. */
const QUICK = { firstPing: 10, ping: 50, post: 50, fallback: 1_000, pingsLostAfter: 300, postsLostAfter: 300 }

function client (t: Test, endpoint: string, options: Partial<LiveMetricsOptions> = {}): { live: LiveMetrics, counters: LiveCounters, said: string[] } {
  const said: string[] = []
  const counters = new LiveCounters()
  const live = new LiveMetrics({
    endpoint,
    loopback: true,
    instrumentationKey: KEY,
    authorization: undefined,
    findProxy: async () => undefined,
    redirected: () => undefined,
    unpack: () => ({ spans: [], records: [] }),
    debug: message => { said.push(message) },
    ...options
  }, QUICK)
  live.open(1, { role: 'shop', instance: 'one', version: 'test', counters: counters.buffer })
  t.teardown(() => live.close(1))
  return { live, counters, said }
}

t.test('not subscribed: it asks, and counts nothing', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const { counters } = client(t, emulator.url)
  await until('a ping', () => emulator.live.calls.length > 0)
  t.match(emulator.live.calls[0], {
    kind: 'ping',
    instrumentationKey: KEY,
    headers: {
      'x-ms-qps-stream-id': /^[0-9a-f]{32}$/, 'x-ms-qps-machine-name': /./, 'x-ms-qps-role-name': 'shop', 'x-ms-qps-instance-name': 'one', 'x-ms-qps-invariant-version': '5', 'x-ms-qps-transmission-time': /^6\d{17}$/
    }
  })
  t.equal(counters.isWatched, false)
  counters.request(5, true)
  emulator.live.watch()
  await until('a post', () => emulator.live.servers.some(({ points }) => points.length > 0))
  t.equal(emulator.live.servers[0].points[0].metrics['\\ApplicationInsights\\Requests/Sec'], 0, 'what was before is not counted')
})

t.test('subscribed, and no longer', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const { counters } = client(t, emulator.url)
  const unwatch = emulator.live.watch()
  await until('it is watched', () => counters.isWatched)
  await until('posts', () => emulator.live.calls.filter(({ kind }) => kind === 'post').length > 2)
  t.equal(emulator.live.calls.at(-1)?.headers['x-ms-qps-configuration-etag'], '0', 'the filters are known, and are not sent again')
  unwatch()
  await until('it is not watched', () => !counters.isWatched)
  const count = emulator.live.calls.length
  await until('a ping', () => emulator.live.calls.length > count)
  t.equal(emulator.live.calls.at(-1)?.kind, 'ping')
  t.equal(emulator.live.calls.at(-1)?.headers['x-ms-qps-configuration-etag'], '', 'and asks for the filters anew')
})

t.test('lost: posts that fail end it, and pings become rare', async t => {
  const emulator = await startEmulator()
  const { counters, said } = client(t, emulator.url)
  emulator.live.watch()
  await until('it is watched', () => counters.isWatched)
  emulator.live.respondWith({ reset: true }, { status: 500 })
  await until('posts go on after two failures', () => emulator.live.calls.slice(-2).every(({ kind, status }) => kind === 'post' && status === 200) && emulator.live.calls.some(({ status }) => status === 500))
  t.ok(counters.isWatched, 'a short trouble ends nothing')
  t.equal(said.length, 1)
  await emulator.close()
  await until('it is lost', () => !counters.isWatched)
  t.equal(said.length, 2, 'one line for each trouble')
  t.notMatch(said.join(), new RegExp(KEY))
})

t.test('after a trouble it asks once a minute, until it is answered', async t => {
  let answers = false
  const at: number[] = []
  const server: Server = createServer((_request, response) => {
    at.push(Date.now())
    response.writeHead(answers ? 200 : 503, { 'x-ms-qps-subscribed': 'false' }).end()
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => { server.close().closeAllConnections() })
  const { said } = client(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await until('a long pause', () => at.length > 3 && at.at(-1)! - at.at(-2)! >= 950)
  t.equal(said.length, 1)
  answers = true
  const before = at.length
  await until('pings as before', () => at.length > before + 2 && at.at(-1)! - at.at(-2)! < 900)
  t.pass()
})

for (const hint of ['1', '3000000000', 'Infinity']) {
  t.test(`an interval of ${hint} ms does not make it ask all the time`, async t => {
    const emulator = await startEmulator()
    t.teardown(() => emulator.close())
    emulator.live.respondWith(...Array.from({ length: 20 }, () => ({ headers: { 'x-ms-qps-service-polling-interval-hint': hint } })))
    client(t, emulator.url)
    await until('a ping', () => emulator.live.calls.length > 0)
    await wait(500)
    t.equal(emulator.live.calls.length, 1)
  })
}

t.test("it goes on where the app's diagnostic logger throws", async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  emulator.live.respondWith({ status: 500 })
  client(t, emulator.url, { debug: () => { throw new Error('no disk') } })
  await until('another ping', () => emulator.live.calls.length > 1)
  t.pass()
})

t.test("an app goes on whose diagnostic logger throws: the worker's messages reach it on the main thread", async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  emulator.live.respondWith({ status: 500 })
  const ended = await plainNode([join(__dirname, '../fixtures/diagnostic-logger.cjs'), emulator.connectionString])
  t.match(ended, { code: 0, stdout: /live metrics are not available/, stderr: '' })
})

t.test('redirected', async t => {
  const [first, second] = await Promise.all([startEmulator(), startEmulator()])
  t.teardown(() => Promise.all([first.close(), second.close()]))
  second.live.watch()
  first.live.respondWith({ headers: { 'x-ms-qps-service-endpoint-redirect-v2': second.url } })
  client(t, first.url)
  await until('posts at the other', () => second.live.servers.some(({ points }) => points.length > 1))
  t.equal(first.live.calls.length, 1)
  second.live.respondWith({ status: 503 })
  await until('back at the first after a failure', () => first.live.calls.length > 1)

  await t.test('not to a stranger', async t => {
    const { redirectedEndpoint } = await import('../../dist/delivery/http/redirect.js')
    const from = new URL('https://westeurope.livediagnostics.monitor.azure.com/QuickPulseService.svc/ping')
    t.equal(redirectedEndpoint(from, 'https://northeurope.livediagnostics.monitor.azure.com'), 'https://northeurope.livediagnostics.monitor.azure.com')
    t.equal(redirectedEndpoint(from, 'https://evil.example'), undefined)
    first.live.respondWith({ headers: { 'x-ms-qps-service-endpoint-redirect-v2': 'https://evil.example/' } })
    const before = first.live.calls.length
    await until('it stays', () => first.live.calls.length > before + 3)
  })
})

t.test('the token is renewed once where it is refused', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const asked: boolean[] = []
  emulator.live.respondWith({ status: 401 })
  const { said } = client(t, emulator.url, { authorization: async renew => { asked.push(renew); return 'Bearer secret' } })
  await until('an answer', () => emulator.live.calls.some(({ status }) => status === 200))
  t.strictSame(asked.slice(0, 2), [false, true])
  t.ok(emulator.live.calls.every(({ hasToken }) => hasToken))
  t.strictSame(said, [])
})

t.test('a wrong key or role is asked for rarely, and told once', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  emulator.live.respondWith(...Array.from({ length: 20 }, () => ({ status: 401 })))
  const { said, counters } = client(t, emulator.url)
  await until('a second ping', () => emulator.live.calls.length > 1)
  t.ok(emulator.live.calls[1].at - emulator.live.calls[0].at >= 950, 'after the long pause')
  t.match(said, [/HTTP 401/])
  t.notMatch(said.join(), new RegExp(KEY))
  t.equal(counters.isWatched, false)
})

t.test('nothing is said after close', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const { live, counters } = client(t, emulator.url)
  emulator.live.watch()
  await until('posts', () => emulator.live.calls.some(({ kind }) => kind === 'post'))
  live.close(1)
  t.equal(counters.isWatched, false)
  await wait(50)
  const count = emulator.live.calls.length
  await wait(300)
  t.equal(emulator.live.calls.length, count)
})

for (const worker of [true, false]) {
  t.test(`close() ends it at once, ${worker ? 'worker' : 'no worker'}`, async t => {
    const { app, emulator } = await start(t, { options: { worker } })
    emulator.live.watch()
    await until('posts', () => emulator.live.calls.some(({ kind }) => kind === 'post'))
    await app.close()
    // One may have been on its way.
    await wait(100)
    const count = emulator.live.calls.length
    await wait(1_300)
    t.equal(emulator.live.calls.length, count)
  })
}

t.test('where it does not apply, nothing is asked', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const [ingestionOnly] = emulator.connectionString.split(';LiveEndpoint')
  for (const options of [{ connectionString: emulator.connectionString, liveMetrics: false }, { connectionString: ingestionOnly }] satisfies AppInsightsOptions[]) {
    const app = fastify({ logger: { stream: { write () {} } } })
    await app.register(appInsightsPlugin, options)
    await app.inject('/')
    await app.appInsights.flush()
    await wait(1_600)
    await app.close()
  }
  t.strictSame(emulator.live.calls, [])
})

t.test('the endpoint is that of the connection string', async t => {
  const of = (rest: string): string | undefined => parseConnectionString(`InstrumentationKey=${KEY};${rest}`).liveEndpoint
  t.equal(of(''), 'https://global.livediagnostics.monitor.azure.com')
  t.equal(of('LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com/'), 'https://westeurope.livediagnostics.monitor.azure.com')
  t.equal(of('EndpointSuffix=applicationinsights.azure.cn'), 'https://live.applicationinsights.azure.cn')
  t.equal(of('EndpointSuffix=ai.contoso.com;Location=westus2'), 'https://westus2.live.ai.contoso.com')
  t.equal(of('IngestionEndpoint=http://127.0.0.1:5'), undefined, 'a test does not contact Azure')
  t.equal(of('IngestionEndpoint=http://127.0.0.1:5;LiveEndpoint=https://westeurope.livediagnostics.monitor.azure.com'), undefined, 'nor by half of a real one')
  t.equal(of('IngestionEndpoint=http://127.0.0.1:5;LiveEndpoint=http://localhost:5/'), 'http://localhost:5')
  for (const wrong of ['LiveEndpoint=nowhere', 'LiveEndpoint=http://live.example.org', 'LiveEndpoint=https://u:p@live.example.org']) {
    t.throws(() => of(wrong), { code: 'FAI_ERR_CONNECTION_STRING_INVALID' })
  }
})

for (const worker of [true, false]) {
  t.test(`an endpoint that cannot be reached is quiet, ${worker ? 'worker' : 'no worker'}`, async t => {
    const emulator = await startEmulator()
    t.teardown(() => emulator.close())
    const debug: string[] = []
    const louder: string[] = []
    const note = (message: string): void => { louder.push(message) }
    diag.setLogger({ debug: message => { if (message.includes('live metrics')) debug.push(message) }, verbose () {}, info: note, warn: note, error: note }, { logLevel: DiagLogLevel.DEBUG, suppressOverrideMessage: true })
    t.teardown(() => diag.disable())
    louder.length = 0
    const lines: string[] = []
    const app = fastify({ logger: { stream: { write: (line: string) => { lines.push(line) } } } })
    await app.register(appInsightsPlugin, { connectionString: `${emulator.connectionString.split(';LiveEndpoint')[0]};LiveEndpoint=http://127.0.0.1:1`, worker, storageDirectory: false })
    await app.inject('/')
    await until('a debug line', () => debug.length > 0)
    await app.appInsights.flush()
    t.match(app.appInsights.stats(), { lastError: undefined })
    await app.close()
    t.match(debug, [/ECONNREFUSED/])
    t.strictSame(louder.filter(message => /live/i.test(message)), [])
    t.notMatch(lines.join(''), /live metrics/)
    t.ok(emulator.items({ type: 'request' }).length > 0, 'rows arrive all the same')
  })
}

t.test('a process ends by itself while somebody watches', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  emulator.live.watch()
  for (const worker of [true, false]) {
    emulator.clear()
    const { code } = await plainNode(['-e', `
      const fastify = require('fastify')()
      fastify.register(require('fastify-app-insights'), { connectionString: ${JSON.stringify(emulator.connectionString)}, worker: ${worker}, logs: false })
      fastify.ready().then(() => setTimeout(() => {}, 3000))
    `])
    t.equal(code, 0)
    t.ok(emulator.live.calls.length > 0, 'it has been asked for')
  }
})
