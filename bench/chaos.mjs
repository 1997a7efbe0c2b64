/**
 * Rows against an endpoint that does everything wrong, at random and repeatably; then all is well, and every row must have
 * arrived. `node bench/chaos.mjs [--seconds 60] [--rate 300] [--seed 1] [--no-worker] [--no-disk] [--quick]`, after a
 * build; exits with 1 where something is missing, doubled without reason, or miscounted. A shorter form is in the tests.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'

const require = createRequire(import.meta.url)
const { createDelivery } = require('../dist/delivery/index.js')
const { parseConnectionString } = require('../dist/options/connection-string.js')

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, rate: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' }, worker: { type: 'boolean', default: true }, disk: { type: 'boolean', default: true }, quick: { type: 'boolean', default: false } },
  allowNegative: true
})
const [seconds, rate, seed] = [values.seconds, values.rate, values.seed].map(Number)
// The time-out is a tenth in the quick form, as are the pauses.
const timing = values.quick ? { requestTimeout: 1_000, backoffBase: 50, backoffMax: 500, spillAfter: 300, compress: true } : { compress: true }

/** mulberry32: small, seeded, good enough. */
let state = seed
function random () {
  state = (state + 0x6D2B79F5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
}

const accepted = new Map()
/** Rows whose acceptance was not heard of: these may arrive twice. */
const unheard = new Set()
const behaviours = {}
let isWell = false

const take = items => { for (const id of items) accepted.set(id, (accepted.get(id) ?? 0) + 1) }
const forget = items => { for (const id of items) unheard.add(id) }
const ok = items => JSON.stringify({ itemsReceived: items.length, itemsAccepted: items.length, errors: [] })

const BEHAVIOURS = {
  200 (items, response) { take(items); response.end(ok(items)) },
  503 (items, response) { response.writeHead(503).end() },
  500 (items, response) { response.writeHead(500).end('oops') },
  '429 with Retry-After' (items, response) { response.writeHead(429, { 'retry-after': '1' }).end() },
  '206 in part' (items, response) {
    const refused = items.map((_, index) => index).filter(() => random() < 0.4)
    take(items.filter((_, index) => !refused.includes(index)))
    response.writeHead(206).end(JSON.stringify({ itemsReceived: items.length, itemsAccepted: items.length - refused.length, errors: refused.map(index => ({ index, statusCode: 503, message: 'busy' })) }))
  },
  'reset before it is read' (items, response) { response.socket.destroy() },
  'reset before the answer' (items, response) { take(items); forget(items); response.socket.destroy() },
  'reset in mid-answer' (items, response) {
    take(items)
    forget(items)
    response.writeHead(200, { 'content-length': 1_000 }).write('{"itemsReceived":')
    setTimeout(() => response.socket?.destroy(), 10)
  },
  'hang beyond the time-out' () {},
  'slow drip' (items, response) {
    take(items)
    response.writeHead(200)
    const text = ok(items)
    let at = 0
    const timer = setInterval(() => {
      response.write(text.slice(at, at + 8))
      at += 8
      if (at < text.length && !response.destroyed) return
      clearInterval(timer)
      response.end()
    }, 50)
  },
  'wrong JSON' (items, response) { take(items); response.end('welcome') },
  "a proxy's page" (items, response) { response.end('<html>welcome</html>') },
  'truncated 206' (items, response) { take(items); forget(items); response.writeHead(206).end(ok(items).slice(0, 20)) },
  '307 to itself' (items, response) { response.writeHead(307, { location: '/elsewhere/v2.1/track' }).end() },
  '307 to a stranger' (items, response) { response.writeHead(307, { location: 'http://127.0.0.2:9/v2.1/track' }).end() }
}

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('error', () => {})
  response.on('error', () => {})
  request.on('end', () => {
    const raw = Buffer.concat(chunks)
    const items = JSON.parse(request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).map(each => each.data.baseData.properties.id)
    const names = Object.keys(BEHAVIOURS)
    // A redirect that would lead to a redirect shows nothing new.
    const name = isWell ? '200' : request.url.startsWith('/elsewhere') && random() < 0.7 ? '200' : names[Math.floor(random() * names.length)]
    behaviours[name] = (behaviours[name] ?? 0) + 1
    // On a busy machine the client's time may be over by now: then nobody hears the answer, whatever it is.
    response.on('close', () => { if (!response.writableFinished) forget(items) })
    if (response.destroyed || response.socket?.destroyed !== false) forget(items)
    BEHAVIOURS[name](items, response)
  })
})
server.keepAliveTimeout = 60_000
server.on('connection', socket => socket.on('error', () => {}))
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const rejections = []
process.on('unhandledRejection', error => rejections.push(String(error)))

const storageDirectory = values.disk ? mkdtempSync(join(tmpdir(), 'fai-chaos-')) : false
const resource = { attributes: { 'service.name': 'chaos', 'service.instance.id': 'one' } }
const delivery = createDelivery({
  connection: parseConnectionString(`InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=http://127.0.0.1:${server.address().port}/`),
  resource,
  worker: values.worker,
  storageDirectory,
  maxStorageBytes: 50e6,
  maxQueueSize: 100_000,
  statsbeat: false,
  warn () {},
  timing
})

const ids = []
function record (id) {
  ids.push(id)
  const now = Date.now()
  delivery.record({ hrTime: [Math.floor(now / 1000), 0], hrTimeObserved: [0, 0], body: 'a line', severityNumber: 9, resource, instrumentationScope: { name: 'chaos' }, attributes: { id }, droppedAttributesCount: 0 })
}
function request (id) {
  ids.push(id)
  const digits = String(ids.length).padStart(16, '0')
  const now = Math.floor(Date.now() / 1000)
  delivery.span({
    spanContext: () => ({ traceId: `1${digits.slice(1)}${digits}`, spanId: digits, traceFlags: 1 }), name: 'GET /', kind: 1, startTime: [now, 0], duration: [0, 5e6], status: { code: 0 }, attributes: { id, 'http.request.method': 'GET', 'url.full': 'http://shop.local/', 'http.response.status_code': 200 }, events: [], links: []
  })
}

const problems = []
const check = (isRight, what) => { if (!isRight) problems.push(what) }
function checkSums () {
  for (const [kind, each] of Object.entries(delivery.stats())) {
    if (each?.recorded === undefined) continue
    const sum = each.queued + each.inFlight + each.spooled + each.delivered + Object.values(each.dropped).reduce((all, count) => all + count, 0)
    check(sum === each.recorded && [each.queued, each.inFlight, each.spooled].every(count => count >= 0), `${kind} does not add up: ${JSON.stringify(each)}`)
  }
}

const started = performance.now()
for (let sent = 0; performance.now() - started < seconds * 1_000;) {
  for (const due = (performance.now() - started) / 1_000 * rate; sent < due; sent++) {
    request(`r${sent}`)
    record(`l${sent}`)
  }
  checkSums()
  await new Promise(resolve => setTimeout(resolve, 20))
}
isWell = true
const wellAt = performance.now()
const isDone = () => {
  const { requests, traces } = delivery.stats()
  return requests.delivered + traces.delivered === ids.length
}
while (!isDone() && performance.now() - wellAt < 60_000) await new Promise(resolve => setTimeout(resolve, 50))
const recovery = Math.round(performance.now() - wellAt)
checkSums()
const { requests, traces, lastError } = delivery.stats()
const report = await delivery.close(5_000)
const twice = [...accepted].filter(([, times]) => times > 1).map(([id]) => id)
const files = values.disk ? readdirSync(storageDirectory, { recursive: true, withFileTypes: true }).filter(each => each.isFile()).map(each => each.name) : []
check(ids.every(id => accepted.has(id)), `missing: ${ids.filter(id => !accepted.has(id)).length} of ${ids.length}`)
check(accepted.size === ids.length, `unknown rows: ${accepted.size - ids.length}`)
check(twice.every(id => unheard.has(id)), `twice without reason: ${twice.filter(id => !unheard.has(id)).length}`)
check(report.sent === ids.length && report.lost === 0, `close() says ${JSON.stringify(report)}`)
check(files.length === 0, `files left: ${files.join()}`)
check(rejections.length === 0, `unhandled: ${rejections.join()}`)
console.log(JSON.stringify({ recorded: ids.length, arrived: accepted.size, twice: twice.length, unheard: unheard.size, retried: requests.retried + traces.retried, recovery, behaviours, lastError: lastError?.message, problems: [...new Set(problems)].slice(0, 20) }))
if (values.disk) rmSync(storageDirectory, { recursive: true, force: true })
server.closeAllConnections()
server.close()
process.exitCode = problems.length > 0 ? 1 : 0
