import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { type Answer, startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'

const command = join(__dirname, '../dist/command/index.js')
const KEY = '01234567-89ab-cdef-0123-456789abcdef'
const at = (url: string): string => `InstrumentationKey=${KEY};IngestionEndpoint=${url}`

async function check (args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number, out: string }> {
  const child: ChildProcess = spawn(process.execPath, [command, 'check', ...args], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', chunk => { out += String(chunk) })
  const [code] = await once(child, 'close') as [number]
  return { code, out }
}

t.test("check reports the endpoint's answer and what to do about it, and never the key", async t => {
  const emulator = await startEmulator({ instrumentationKey: KEY })
  t.teardown(async () => await emulator.close())
  const refused = (statusCode: number, message: string): Answer => ({
    status: statusCode, body: { itemsReceived: 6, itemsAccepted: 0, errors: [{ index: 0, statusCode, message }] }
  })
  const cases: Array<[name: string, answer: Answer, says: RegExp, code: number]> = [
    ['fine', undefined, /OK: all 6 rows were accepted: request, dependency, trace, exception, event, metric/, 0],
    ['a wrong key', refused(400, `Invalid instrumentation key ${KEY}`), /does not know the key \(HTTP 400\)[^]*<key>/, 1],
    ['throttled', { ...refused(429, 'Rate exceeded') as object, headers: { 'retry-after': '30' } }, /throttling requests \(HTTP 429\)[^]*wait 30 seconds/, 1],
    ['over quota', refused(439, 'Daily quota exceeded'), /quota has been reached \(HTTP 439\)[^]*Daily cap/, 1],
    ['over quota in part', { status: 206, errors: [{ index: 1, statusCode: 439, message: 'Daily quota exceeded' }] }, /quota has been reached/, 1],
    ['without a credential', 401, /requires authentication \(HTTP 401\)[^]*credential/, 1],
    ['an endpoint in trouble', 503, /has a problem \(HTTP 503\)/, 1],
    ['rows refused', { status: 206, errors: [{ index: 3, statusCode: 400, message: 'Field \u001b[31mtoo long' }] }, /5 of 6 rows were accepted \(HTTP 206\)[^]*exception: 400 Field {1,2}\[31mtoo long/, 1],
    ['something else that answers', { status: 200, body: '<html>welcome</html>' }, /is not an ingestion endpoint/, 1],
    ['a silent one', { hang: true }, /unreachable: did not answer within 1 s/, 1],
    ['one that cuts the connection', { reset: true }, /unreachable: no connection \(ECONNRESET\)/, 1]
  ]
  for (const [name, answer, says, expected] of cases) {
    emulator.respondWith(...(answer === undefined ? [] : [answer]))
    emulator.clear()
    const { code, out } = await check(['--timeout', '1', emulator.connectionString])
    t.match(out, says, name)
    t.equal(code, expected, name)
    t.notMatch(out.toLowerCase(), KEY, `${name}: no key`)
    if (expected === 0) {
      t.strictSame(emulator.items().map(({ type }) => type), ['request', 'dependency', 'trace', 'exception', 'event', 'metric'])
      t.equal(new Set(emulator.items().map(row => row.operation_Id)).size, 1)
      t.ok(out.includes(emulator.items()[0]!.operation_Id!), 'it says how to find them')
    }
  }
})

t.test('check tells TLS error and an unreachable endpoint apart', async t => {
  const fixture = (name: string): Buffer => readFileSync(join(__dirname, 'fixtures', name))
  const tls = createHttpsServer({ cert: fixture('tls-cert.pem'), key: fixture('tls-key.pem') }, (_request, response) => response.end()).listen(0, '127.0.0.1')
  await once(tls, 'listening')
  t.teardown(() => { tls.close() })
  const selfSigned = await check([at(`https://127.0.0.1:${(tls.address() as AddressInfo).port}`)])
  t.match(selfSigned, { code: 1, out: /TLS error[^]*NODE_EXTRA_CA_CERTS/ })

  const closed = createTcpServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  t.match(await check([at(`http://127.0.0.1:${port}`)]), { code: 1, out: /unreachable: no connection \(ECONNREFUSED\)/ })
})

t.test('check goes through the proxy in HTTPS_PROXY, as the plugin does', async t => {
  const fixture = (name: string): Buffer => readFileSync(join(__dirname, 'fixtures', name))
  const azure = createHttpsServer({ cert: fixture('tls-cert.pem'), key: fixture('tls-key.pem') }, (request, response) => {
    request.resume().on('end', () => response.end(JSON.stringify({ itemsReceived: 6, itemsAccepted: 6, errors: [] })))
  }).listen(0, '127.0.0.1')
  const targets: Array<string | undefined> = []
  let refuses = false
  const proxy = createHttpServer().on('connect', (request, socket) => {
    targets.push(request.url)
    if (refuses) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
    const tunnel = connect((azure.address() as AddressInfo).port, '127.0.0.1', () => { socket.write('HTTP/1.1 200 OK\r\n\r\n'); tunnel.pipe(socket).pipe(tunnel) })
    for (const end of [tunnel, socket]) end.on('error', () => {})
  }).listen(0, '127.0.0.1')
  for (const server of [azure, proxy]) {
    if (!server.listening) await once(server, 'listening')
    t.teardown(() => { server.close() })
  }
  const env = { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  const endpoint = at('https://ingest.example.test')
  t.match(await check([endpoint], env), { code: 0, out: /OK: all 6 rows/ })
  t.same(targets, ['ingest.example.test:443'])
  refuses = true
  t.match(await check([endpoint], env), { code: 1, out: /proxy requires authentication/ })
  t.match(await check([endpoint], { HTTPS_PROXY: 'socks5://secret.test' }), { code: 1, out: /Failed: the proxy in HTTPS_PROXY[^]*not supported/ })
})

t.test('check reads the string from the environment, and says what is wrong with it', async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  t.match(await check([], { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString }), { code: 0 })
  t.match(await check([]), { code: 2, out: /No connection string/ })
  const broken = await check(['InstrumentationKey=secret-but-no-uuid'])
  t.match(broken, { code: 1, out: /not a valid UUID/ })
  t.notMatch(broken.out, 'secret-but-no-uuid')
  t.match(await check(['--help']), { code: 0, out: /Usage/ })
  t.match(await check(['--nonsense']), { code: 2, out: /Usage/ })
})
