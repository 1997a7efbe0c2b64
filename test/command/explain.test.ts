/** explain, cost, and the command line itself: real child processes against a seeded emulator. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'

const command = join(__dirname, '../../dist/command/index.js')

interface Ended { code: number, out: string, err: string }

async function run (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [command, ...args], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', chunk => { out += String(chunk) })
  child.stderr.on('data', chunk => { err += String(chunk) })
  const [code] = await once(child, 'close') as [number]
  return { code, out, err }
}

/** A service whose checkout has a bug that only some requests meet. */
async function shop (t: Test) {
  return await start(t, {
    options: { serviceName: 'shop', properties: { deploymentName: 'blue' } },
    routes: app => {
      app.get('/fine', async () => 'ok')
      app.get('/stock/:id', async (_request, reply) => reply.code(503).send())
      app.post('/checkout', async function checkout (request) {
        const { items } = request.body as { items?: Array<{ price: number }> }
        request.appInsights.setUser('u-17')
        request.log.info({ cart: 'c-9' }, 'checkout begun')
        await fetch(`http://127.0.0.1:${(app.server.address() as { port: number }).port}/stock/2?token=hunter2`)
        request.log.warn('stock service did not answer, going on')
        return { total: items!.reduce((sum, { price }) => sum + price, 0) }
      })
    }
  })
}

t.test('explain tells the story of the last failure, and of any operation', async t => {
  const { emulator, send, flush } = await shop(t)
  await send('/fine')
  await send('/checkout?coupon=x', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"items":null}' })
  // What a browser asks for by itself is no failure of the service's.
  await send('/favicon.ico')
  await flush()
  const [request] = emulator.items({ type: 'request', name: 'POST /checkout' })
  const { code, out, err } = await run(['explain', '--last-failure', '--url', emulator.url])
  t.equal(code, 0, err)
  t.match(out, /^POST \/checkout failed with 500 after [\d.]+ ms\nshop, \S+Z, operation [0-9a-f]{32}\nhttp:\S+#\/operation\?id=/)
  t.ok(out.includes(request!.operation_Id!))
  t.match(out, /\nAsked\n {2}http:\/\/127\.0\.0\.1:\d+\/checkout\?coupon=x\n {2}user u-17\n {2}.*deploymentName=blue/)
  t.match(out, /\nFailed\n {2}\+[\d.]+ ms +TypeError: Cannot read properties of null \(reading 'reduce'\)\n {4}at .*checkout.*explain\.test\.ts/)
  t.match(out, /\(\d+ frames? of Node\.js and node_modules left out\)/)
  t.notMatch(out, /at .*node_modules/)
  t.match(out, /\nLogged\n {2}\+[\d.]+ ms +info +checkout begun {2}cart=c-9\n {2}\+[\d.]+ ms +warning +stock service did not answer, going on\n/)
  t.match(out, /\nCalled\n {2}\+[\d.]+ ms +GET \/stock\/2 {2}Http 127\.0\.0\.1:\d+ {2}503 failed {2}[\d.]+ ms/)
  t.notMatch(out, 'hunter2')
  // eslint-disable-next-line no-control-regex
  t.notMatch(out, /\u001b/, 'no colours where nobody looks')
  t.equal((await run(['explain', '--url', emulator.url])).out, out, 'the last failure is the default')

  const [fine] = emulator.items({ type: 'request', name: 'GET /fine' })
  t.match((await run(['explain', fine!.operation_Id!, '--url', emulator.url])).out, /^GET \/fine succeeded with 200/)
  const story = JSON.parse((await run(['explain', '--json', '--url', emulator.url])).out)
  t.match(story, {
    operationId: request!.operation_Id,
    failed: true,
    requests: [{ name: 'POST /checkout', status: '500', success: false, user: 'u-17' }, { name: 'GET /stock/:id', status: '503' }],
    errors: [{ type: 'TypeError', frames: [/checkout/] }],
    logs: [{ message: 'checkout begun', properties: { cart: 'c-9' } }, { severity: 'warning' }],
    calls: [{ name: 'GET /stock/2', success: false }],
    omitted: { logs: 0, calls: 0 }
  })
})

t.test('explain says what is missing, and no received text steers the terminal', async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  t.match(await run(['explain', '--url', emulator.url]), { code: 1, out: '', err: 'Nothing has failed so far\n' })
  const missing = { name: 'x', time: new Date().toISOString(), iKey: '0', tags: { 'ai.operation.id': 'c'.repeat(32) }, data: { baseType: 'RequestData', baseData: { ver: 2, id: 'b', name: 'GET /nowhere', duration: '00:00:01', responseCode: '404', success: false } } }
  await fetch(`${emulator.url}/v2.1/track`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([missing]) })
  t.match(await run(['explain', '--url', emulator.url]), { code: 0, out: /^GET \/nowhere failed with 404/ }, 'where there is nothing else')
  t.match(await run(['explain', 'abc', '--url', emulator.url]), { code: 1, err: /no rows of this operation/ })
  t.match(await run(['explain', '--url', 'http://127.0.0.1:9']), { code: 1, err: /No emulator answers at http:\/\/127\.0\.0\.1:9 \(.*npx fastify-app-insights emulator/ })
  t.match(await run(['explain', 'a', '--last-failure']), { code: 2, err: /not both/ })
  t.match(await run(['explain', 'a', 'b']), { code: 2, err: /Unexpected argument 'b'/ })
  t.match(await run(['explain', '--last']), { code: 2, err: /^Unknown option '--last'\n\nUsage/ })
  t.match(await run(['explain', '--url', 'nowhere']), { code: 2, err: /--url must be an address/ })
  const envelope = { name: 'x', time: new Date().toISOString(), iKey: '0', tags: { 'ai.operation.id': 'a'.repeat(32) }, data: { baseType: 'RequestData', baseData: { ver: 2, id: 'b', name: 'GET /\u001b[2J\r\n\u202e', url: 'http://x/\u0007', duration: '00:00:01', responseCode: '500', success: false, properties: { '\u001b[31m': '\n\nFailed' } } } }
  await fetch(`${emulator.url}/v2.1/track`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([envelope]) })
  const { out } = await run(['explain', '--url', emulator.url])
  // eslint-disable-next-line no-control-regex
  t.notMatch(out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  t.notMatch(out, /\nFailed/)
})

t.test('check --cost weighs rows by table, operation and column, and says what options would save', async t => {
  const { emulator, send, flush } = await shop(t)
  for (let i = 0; i < 8; i++) await send('/fine')
  await send('/checkout', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"items":null}' })
  await flush()
  const sent = emulator.items().reduce((sum, { envelope }) => sum + Buffer.byteLength(JSON.stringify(envelope)), 0)
  const sizes = JSON.parse((await run(['check', '--cost', '--json', '--price', '2.5', '--url', emulator.url])).out) as { rows: number, bytes: number, requests: number, price: number, tables: Array<{ name: string, rows: number, bytes: number }>, operations: Array<{ name: string, bytes: number }>, columns: Array<{ name: string, bytes: number }>, savings: Array<{ option: string, bytes: number }> }
  t.match(sizes, { rows: emulator.items().length, requests: emulator.items({ type: 'request' }).length, price: 2.5 })
  t.equal(sizes.bytes, sent, 'the bytes are those that were sent')
  for (const { name, rows, bytes } of sizes.tables) t.ok(rows > 0 && bytes > 0, name)
  t.equal(sizes.tables.reduce((sum, { bytes }) => sum + bytes, 0), sent, 'the tables add up')
  t.equal(sizes.operations.reduce((sum, { bytes }) => sum + bytes, 0), sent, 'the operations add up')
  const columns = sizes.columns.reduce((sum, { bytes }) => sum + bytes, 0)
  t.ok(columns > sent * 0.75 && columns <= sent, 'the columns are most of it: the rest is braces')
  const traces = sizes.tables.find(({ name }) => name === 'traces')!
  t.match(sizes.savings.find(({ option }) => option === 'logs: false'), { bytes: traces.bytes })
  t.ok(sizes.savings.find(({ option }) => option === "logs: { level: 'warn' }")!.bytes < traces.bytes, 'a warning stays')
  for (const option of ['samplingRatio: 0.1', `ignore: ['${sizes.operations.find(({ name }) => !name.startsWith('('))!.name}']`, 'metrics: { runtime: false }']) t.ok(sizes.savings.some(saving => saving.option === option && saving.bytes < sent), option)

  const { out, code } = await run(['check', '--cost', '--price', '2.5', '--url', emulator.url])
  t.equal(code, 0)
  const perMillion = sent / sizes.requests / 1_000 * 2.5
  t.match(out, new RegExp(`^${sizes.rows} rows of ${sizes.requests} requests: .* per request, ${perMillion.toFixed(2)} per million requests at 2\\.5 per GB`))
  for (const title of ['table', 'operation', 'column', 'what would save']) t.match(out, new RegExp(`^${title} +`, 'm'))
  t.match(await run(['check', '--cost', '--price', 'much']), { code: 2, err: /--price must be a number/ })
  emulator.clear()
  t.match(await run(['check', '--cost', '--url', emulator.url]), { code: 1, err: /no rows yet/ })
})

t.test('check against an emulator links the operation', async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const { code, out } = await run(['check', emulator.connectionString])
  t.equal(code, 0)
  t.ok(out.includes(`${emulator.url}/#/operation?id=${emulator.items()[0]!.operation_Id!}`))
  t.notMatch(out, /portal/i)
})

t.test('unknown commands and options are named, and --version is the package\'s', async t => {
  t.match(await run(['--version']), { code: 0, out: `${(require('../../package.json') as { version: string }).version}\n`, err: '' })
  t.match(await run([]), { code: 2, err: /^Which command\?[^]*Usage/ })
  t.match(await run(['emulater']), { code: 2, err: /^Unknown command 'emulater': did you mean emulator\?/ })
  t.match(await run(['expl']), { code: 2, err: /did you mean explain\?/ })
  t.match(await run(['--quiet']), { code: 2, err: /^Unknown option '--quiet'\n/ })
  t.match(await run(['constructor']), { code: 2, err: /^Unknown command 'constructor'\n/ })
  for (const name of ['check', 'emulator', 'query', 'explain', 'mcp']) {
    t.match(await run([name, '--nope']), { code: 2, err: /--nope/ }, name)
    t.match(await run([name, '--help']), { code: 0, out: new RegExp(`^Usage: fastify-app-insights ${name}`), err: '' }, name)
  }
  t.match(await run(['query']), { code: 2, err: /^Which query\?/ })
  t.match(await run(['query', 'requests', '|', 'count']), { code: 2, err: /^More than one query/ })
  t.match(await run(['query', 'requests', '--json', '--csv']), { code: 2, err: /^Give --json or --csv/ })
  t.match(await run(['check', '--timeout', 'long']), { code: 2, err: /^--timeout must be/ })
  t.match(await run(['check', 'InstrumentationKey=a', 'IngestionEndpoint=b']), { code: 2, err: /^More than one connection string/ })
  t.match(await run(['emulator', 'start']), { code: 2, err: /^Unexpected argument 'start'/ })
  t.match(await run(['--help']), { code: 0, out: /explain[^]*mcp/ })
})
