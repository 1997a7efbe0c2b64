/**
 * What grows: ten minutes of 400 requests a second, with log lines, errors, clients that go away and fetches.
 *
 * node bench/soak.mjs [MINUTES] [FLAG OF NODE.JS]
 *
 * The results of a run without a flag and of one with a flag stand side by side.
 */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readFileSync, writeFileSync } from 'node:fs'
import { startApp, startIngestion, startLoad, within } from './processes.mjs'

const MINUTES = Number(process.argv[2] ?? 10)
const FLAG = process.argv[3]
const RESULTS = new URL('results/soak.json', import.meta.url)
/** Requests a second. Each fetch is a request of its own, to the same app. */
const RATES = { '/items/': 340, '/case-throw/': 20, '/case-fetch/': 10 }
const ABORTS = 20
const MOMENTS = 4
// The generator reports at the end of a run; each takes this long, in seconds.
const SEGMENT = 30
const segments = Math.max(MOMENTS, Math.round(MINUTES * 60 / SEGMENT))

/** A client that leaves before its answer. */
async function abort (port, number) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET /case-abort/m${number} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`)
  await sleep(50)
  socket.destroy()
}

function megabytes (bytes) {
  return bytes === undefined ? '?' : (bytes / 1e6).toFixed(1)
}

/** Megabytes an hour: the slope of the line through all samples but the first quarter, when caches and pools fill. */
function slope (samples, get) {
  const late = samples.slice(Math.floor(samples.length / MOMENTS))
  const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(late.map(({ seconds }) => seconds)), mean(late.map(get))]
  const above = late.reduce((sum, sample) => sum + (sample.seconds - x) * (get(sample) - y), 0)
  return above / late.reduce((sum, { seconds }) => sum + (seconds - x) ** 2, 0) * 3_600 / 1e6
}

const [generator, ingestion] = await Promise.all([startLoad(), startIngestion({ latency: 150 })])
const app = await startApp('ours', ingestion.port, { mode: 'cases', flags: FLAG === undefined ? [] : [FLAG] })
const sent = Object.fromEntries(Object.keys(RATES).map(path => [path, 0]))
const samples = []
const began = performance.now()
let aborted = 0
for (let segment = 0; segment < segments; segment++) {
  await app.ask('begin')
  const leaving = setInterval(() => { abort(app.port, aborted++) }, 1_000 / ABORTS)
  await Promise.all(Object.entries(RATES).map(async ([path, rate]) => {
    const { answered, failed } = await generator.ask('run', { port: app.port, connections: 8, seconds: SEGMENT, rate, letter: 'm', first: sent[path], path })
    sent[path] += answered + failed
  }))
  clearInterval(leaving)
  const { delayP99 } = await app.ask('end')
  await sleep(1_000)
  // Twice: what the first one finalizes, the second one frees.
  await app.ask('collect')
  await app.ask('collect')
  const { heapUsed, heapTotal, workerUsed, workerTotal, external, rss, resources } = await app.ask('memory')
  samples.push({ seconds: (performance.now() - began) / 1_000, heapUsed, heapTotal, workerUsed, workerTotal, external, rss, resources, delayP99 })
  console.log(`${samples.at(-1).seconds.toFixed(0).padStart(5)} s  heap ${megabytes(heapUsed)} of ${megabytes(heapTotal)} MB, worker's ${megabytes(workerUsed)} of ${megabytes(workerTotal)} MB, RSS ${(rss / 1e6).toFixed(0)} MB, ${resources} resources, event loop p99 ${delayP99.toFixed(1)} ms`)
}
const { bytes, counts } = await ingestion.ask('report')
const stats = await app.ask('stats')
const dropped = Object.values(stats).flatMap(kind => Object.values(kind?.dropped ?? {})).reduce((sum, count) => sum + count, 0)
app.ask('close').catch(() => {})
await within(20_000, app.exited)
await app.end()

const ends = Array.from({ length: MOMENTS + 1 }, (_, moment) => Math.round(moment * samples.length / MOMENTS))
// Nothing collects the worker's garbage on demand, so its heap is the smallest of each quarter.
const at = ends.slice(1).map((end, quarter) => ({ ...samples[end - 1], workerUsed: Math.min(...samples.slice(ends[quarter], end).map(({ workerUsed }) => workerUsed)) }))
const row = (title, show) => [title, ...at.map(show)]
const heap = slope(samples, ({ heapUsed }) => heapUsed)
const head = ['', ...at.map(({ seconds }) => `${(seconds / 60).toFixed(1)} min`)]
const rows = [
  row('heap of the main thread after a collection, MB', ({ heapUsed }) => megabytes(heapUsed)),
  row('what V8 holds for it, MB', ({ heapTotal }) => megabytes(heapTotal)),
  ...samples[0].workerUsed === undefined
    ? []
    : [row('heap of the worker thread, the smallest of each quarter, MB', ({ workerUsed }) => megabytes(workerUsed)), row('what V8 holds for it, MB', ({ workerTotal }) => megabytes(workerTotal))],
  row('external memory, MB', ({ external }) => megabytes(external)),
  row('RSS, MB', ({ rss }) => (rss / 1e6).toFixed(0)),
  row('active resources', ({ resources }) => String(resources)),
  row('event loop delay p99, ms', ({ delayP99 }) => delayP99.toFixed(1))
]
const total = Object.values(sent).reduce((sum, count) => sum + count, 0)
const about = `${total} requests and ${aborted} that the client gave up, in ${(samples.at(-1).seconds / 60).toFixed(1)} minutes: most with a log line, ${RATES['/case-throw/']} a second that throw, ${RATES['/case-fetch/']} a second with a \`fetch\`. The heap's slope from the second quarter on: ${heap.toFixed(2)} MB an hour. Rows at the endpoint: ${Object.entries(counts).map(([kind, count]) => `${count} ${kind}`).join(', ')}; ${(bytes / 1e6).toFixed(0)} MB. Rows dropped: ${dropped}.`
console.log(about)
const table = { title: FLAG === undefined ? 'What grows' : `What grows, with ${FLAG}`, about, head, rows, samples, command: ['node bench/soak.mjs', MINUTES, FLAG].join(' ').trimEnd(), node: process.version, date: new Date().toISOString() }
const isOther = ({ command }) => command.includes('--') !== (FLAG !== undefined)
const tables = [...JSON.parse(readFileSync(RESULTS, 'utf8')).filter(isOther), table]
writeFileSync(RESULTS, `${JSON.stringify(tables.sort((one, other) => one.title.length - other.title.length), null, 1)}\n`)
process.exit()
