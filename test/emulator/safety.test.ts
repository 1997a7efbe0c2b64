import http, { type OutgoingHttpHeaders } from 'node:http'
import net from 'node:net'
import { startEmulator, type EmulatorOptions } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { post, trace } from '../fixtures/envelopes'

async function start (t: Test, options?: EmulatorOptions) {
  const emulator = await startEmulator(options)
  t.teardown(() => emulator.close())
  return emulator
}

/** fetch would not let a test forge Host and Origin. */
async function send (url: string, headers: OutgoingHttpHeaders, { method = 'GET', body = '' } = {}) {
  return await new Promise<{ status: number, headers: http.IncomingHttpHeaders, body: string }>((resolve, reject) => {
    http.request(url, { method, headers }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', chunk => { text += chunk }).on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    }).on('error', reject).end(body)
  })
}

const item = JSON.stringify(trace())

t.test('it is reached from this machine alone', async t => {
  const emulator = await start(t)
  t.match(emulator.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  t.match(emulator.connectionString, /^InstrumentationKey=[0-9a-f-]{36};IngestionEndpoint=(http:\/\/127\.0\.0\.1:\d+);LiveEndpoint=\1$/)
})

t.test('a name that somebody points at this machine is refused, for reading and for writing', async t => {
  const emulator = await start(t)
  const { port } = new URL(emulator.url)
  for (const host of ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example:${port}`, `localhost.evil.example:${port}`, 'evil.example:localhost']) {
    t.equal((await send(`${emulator.url}/api/rows`, { host })).status, 403, host)
    t.equal((await send(`${emulator.url}/v2.1/track`, { host }, { method: 'POST', body: item })).status, 403, host)
    t.equal((await send(emulator.url, { host })).status, 403, host)
  }
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) t.equal((await send(`${emulator.url}/api/rows`, { host })).status, 200, host)
  t.equal(emulator.items().length, 0)
})

t.test('pages of this machine may send telemetry, others may not, and none may read', async t => {
  const emulator = await start(t, { origins: ['https://dev.example'] })
  for (const origin of ['http://localhost:5173', 'https://127.0.0.1:8443', 'http://app.localhost', 'https://dev.example']) {
    const preflight = await send(`${emulator.url}/v2/track`, { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,sdk-context' }, { method: 'OPTIONS' })
    t.match(preflight, { status: 204, headers: { 'access-control-allow-origin': origin, 'access-control-allow-headers': 'content-type,sdk-context' } })
    const sent = await send(`${emulator.url}/v2/track`, { origin }, { method: 'POST', body: item })
    t.match(sent, { status: 200, headers: { 'access-control-allow-origin': origin } })
    t.equal((await send(`${emulator.url}/api/rows`, { origin })).status, 403, `${origin} may not read`)
    t.equal((await send(`${emulator.url}/api/rows`, { origin }, { method: 'DELETE' })).status, 403, `${origin} may not clear`)
  }
  const before = emulator.items().length
  for (const origin of ['https://evil.example', 'http://localhost.evil.example', 'null', 'nonsense']) {
    const sent = await send(`${emulator.url}/v2/track`, { origin, 'content-type': 'text/plain' }, { method: 'POST', body: item })
    t.equal(sent.status, 403, origin)
    t.notOk(sent.headers['access-control-allow-origin'])
  }
  t.equal(emulator.items().length, before)
  t.equal((await send(`${emulator.url}/api/rows`, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status, 403, 'nor by embedding')
  t.equal((await send(emulator.url, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).status, 200, 'a link to the page is fine')
  t.equal((await send(`${emulator.url}/api/rows`, { origin: emulator.url })).status, 200, 'the page itself reads')
})

t.test('the page comes with a policy that lets nothing else in', async t => {
  const emulator = await start(t)
  const page = await send(emulator.url, {})
  t.equal(page.status, 200)
  const policy = String(page.headers['content-security-policy'])
  for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) t.ok(policy.includes(rule), rule)
  t.notMatch(policy, /unsafe|https?:|\*/)
  t.equal(page.headers['x-content-type-options'], 'nosniff')
  t.notMatch(page.body, /<script(?![^>]*src="\/)|https?:\/\/|style=/, 'nothing inline, nothing from elsewhere')
  for (const [path, type] of [['/page.js', /javascript/], ['/page.css', /css/], ['/icon.svg', /svg/]] as const) t.match((await send(emulator.url + path, {})).headers['content-type'], type)
  for (const path of ['/nothing', '/../package.json', '/page/../../index.js', '/%2e%2e/index.js', '/api/nothing', '/api/rows/999', '/api/rows/x']) t.equal((await send(emulator.url + path, {})).status, 404, path)
  t.equal((await send(emulator.url, {}, { method: 'POST' })).status, 405)
  t.equal((await send(`${emulator.url}/v2.1/track`, {})).status, 405)
})

t.test('what is not HTTP at all does not disturb it', async t => {
  const emulator = await start(t)
  await new Promise<void>(resolve => {
    const socket = net.connect(Number(new URL(emulator.url).port), '127.0.0.1', () => socket.end('\u0016\u0003\u0001 hello TLS\r\n\r\n'))
    socket.on('close', () => resolve()).on('error', () => {}).resume()
  })
  t.equal((await post(emulator.url, [trace()])).status, 200)
})

t.test('live metrics and the question for an app id are answered politely', async t => {
  const emulator = await start(t)
  const ping = await send(`${emulator.url}/QuickPulseService.svc/ping?ikey=x`, {}, { method: 'POST', body: '{}' })
  t.match(ping, { status: 200, headers: { 'x-ms-qps-subscribed': 'false' } })
  t.match(await send(`${emulator.url}/api/profiles/x/appId`, {}), { status: 200, body: /^[0-9a-f-]{36}$/ })
})
