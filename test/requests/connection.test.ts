/** The other end of a connection: its address, and whether it is one of the platform's robots. */
import { isIP } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { start } from '../fixtures/start'

const FORWARDED: Array<[header: string, address: string | undefined]> = [
  ['203.0.113.9', '203.0.113.9'],
  ['203.0.113.7:52344', '203.0.113.7'],
  ['203.0.113.7:52344, 10.0.0.4:1234', '203.0.113.7'],
  [' 203.0.113.7:52344 ', '203.0.113.7'],
  ['"203.0.113.7:52344"', '203.0.113.7'],
  ['2001:db8::1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['"[2001:db8::1]:4711"', '2001:db8::1'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['[::ffff:203.0.113.7]:443', '203.0.113.7'],
  ['fe80::1%eth0', 'fe80::1'],
  ['[fe80::1%25eth0]:443', 'fe80::1'],
  ['unknown', undefined],
  ['_hidden', undefined],
  ['203.0.113.777', undefined],
  ['203.0.113.7:52344:1', undefined],
  ['[]', undefined],
  ['<script>', undefined]
]

t.test('client_IP is the address written by a proxy, or absent', async t => {
  const { app, emulator } = await start(t, { server: { trustProxy: true }, routes: app => { app.get('/:n', async () => 'ok') } })
  for (const [n, [header]] of FORWARDED.entries()) await app.inject({ url: `/${n}`, headers: { 'x-forwarded-for': header } })
  await app.close()
  for (const [n, [header, address]] of FORWARDED.entries()) {
    const [row] = emulator.items(row => row.type === 'request' && row.url?.endsWith(`/${n}`) === true)
    t.equal(row?.client_IP, address, `${header} is ${row?.client_IP}`)
    t.ok(row!.client_IP === undefined || isIP(row!.client_IP) > 0)
  }
})

t.test('if a trustProxy function throws, the row has no address, and the app is unaffected', async t => {
  const { app, emulator } = await start(t, { server: { logger: false, trustProxy: () => { throw new Error('no list of proxies') } }, routes: app => { app.get('/', async () => 'ok') } })
  const { statusCode } = await app.inject({ url: '/', headers: { 'x-forwarded-for': '203.0.113.7' } })
  t.equal(statusCode, 200)
  await app.close()
  t.match(emulator.items({ type: 'request' }), [{ url: 'http://localhost:80/', resultCode: '200' }])
})

t.test('whatever the app makes of a request, its row arrives and the process goes on', async t => {
  const { app, emulator, send } = await start(t, {
    options: { requests: { headers: ['x-tenant'], responseHeaders: ['x-price'] } },
    routes: app => {
      app.get('/values', async (request, reply) => {
        request.raw.headers['x-tenant'] = Object.create(null) as string
        reply.header('x-price', Object.create(null))
        reply.hijack()
        reply.raw.end('ok')
      })
      app.get('/headers', async request => {
        Object.defineProperty(request.raw, 'headers', { value: null })
        return 'ok'
      })
      app.get('/listeners', async (_request, reply) => {
        reply.raw.removeAllListeners('close')
        return 'ok'
      })
    },
    before: app => {
      app.addHook('onRequest', (request, reply, done) => {
        if (request.url !== '/raw') return done()
        Object.defineProperty(request.raw, 'headers', { value: null })
        reply.raw.end('ok')
      })
    }
  })
  for (const path of ['/values', '/headers', '/raw', '/listeners']) t.equal((await send(path)).status, 200, path)
  while (app.appInsights.stats().openRequests > 0) await pause(5)
  await app.close()
  t.match(emulator.items({ type: 'request', name: 'GET /values' }), [{ resultCode: '200', success: true, customDimensions: { 'http.request.header.x-tenant': '[unreadable]', 'http.response.header.x-price': '[unreadable]' } }])
  for (const name of ['GET /headers', 'GET /listeners']) t.match(emulator.items({ type: 'request', name }), [{ resultCode: '200', success: true }], name)
})

t.test('clientAddress: false keeps client addresses out of every row', async t => {
  const { app, emulator, port, send } = await start(t, {
    options: { requests: { clientAddress: false } },
    server: { trustProxy: true },
    routes: app => {
      app.get('/', async request => { request.log.info('a line'); return 'ok' })
      app.get('/broken', async () => { throw new Error('broken') })
    }
  })
  const headers = { 'x-forwarded-for': '203.0.113.7' }
  await send('/', { headers })
  await send('/broken', { headers })
  await send('/%zz', { headers })
  await app.close()
  t.equal(emulator.items({ type: 'request' }).length, 3)
  for (const row of emulator.items()) t.notMatch(JSON.stringify({ ...row.envelope, time: '' }).replaceAll(`127.0.0.1:${port}`, 'here'), /203\.0\.113\.7|127\.0\.0\.1|"ai\.location\.ip"/, row.type)
})

t.test("the platform's pings are synthetic, on the row and in the metric; users are not", async t => {
  const agents: Array<[agent: string, synthetic: boolean]> = [
    ['HealthCheck/1.0', true], ['ReadyForRequest/1.0 (HealthCheck)', true], ['SiteWarmup/1.0', true], ['AlwaysOn', true],
    ['Mozilla/5.0 (compatible; MSIE 9.0; AlwaysOn)', true],
    ['Mozilla/5.0', false], ['HealthCheckup/1.0', false], ['my-HealthCheck/1.0', false]
  ]
  const { app, emulator, send } = await start(t, { routes: app => { app.get('/:n', async () => 'ok') } })
  for (const [n, [agent]] of agents.entries()) await send(`/${n}`, { headers: { 'user-agent': agent } })
  await app.close()
  for (const [n, [agent, synthetic]] of agents.entries()) {
    const [row] = emulator.items(row => row.type === 'request' && row.url?.endsWith(`/${n}`) === true)
    t.equal(row!.operation_SyntheticSource !== undefined, synthetic, agent)
  }
  const counts = emulator.items({ type: 'metric', name: 'requests/duration' }).map(row => [row.customDimensions['operation/synthetic'], row.valueCount])
  t.same(counts.sort(), [[undefined, 3], ['True', 5]].sort())
})
