/**
 * Does a request cost more of the main thread than it should? Two apps live side by side, bare Fastify and ours, and
 * answer bursts of the same requests in turn; the measure is the CPU time of their main threads, pair by pair, so that a
 * busy machine disturbs both. Exits with 1 where the median of the ratios is above the limit.
 *
 * node bench/regression.mjs [--pairs N] [--limit RATIO] [--seconds MAX]
 */
import { parseArgs } from 'node:util'
import { age, startApp, startIngestion, startLoad } from './processes.mjs'
import { median } from './statistics.mjs'

/** What was measured when the limit was last set is in docs/performance.md; a quarter above it is no noise. */
const LIMIT = 2.8

const { values: given } = parseArgs({
  options: { pairs: { type: 'string', default: '24' }, limit: { type: 'string', default: String(LIMIT) }, seconds: { type: 'string', default: '30' }, peer: { type: 'string', default: 'ours' } }
})
const limit = Number(given.limit)
const until = performance.now() + Number(given.seconds) * 1_000
const BURST = 2_000

const [generator, ingestion] = await Promise.all([startLoad(), startIngestion({ latency: 20 })])
const [bare, ours] = await Promise.all([startApp('bare', ingestion.port), startApp(given.peer, ingestion.port)])

/** In microseconds of the main thread per request. */
async function burst (app, count) {
  await app.ask('begin', true)
  const { answered } = await generator.ask('run', { port: app.port, connections: 16, count, letter: 'm' })
  const { mainMicros } = await app.ask('cpu')
  if (mainMicros === undefined) {
    console.log('No CPU time of a single thread to be had here (Linux, or Node.js 24 and later): nothing was checked.')
    process.exit(0)
  }
  return mainMicros / answered
}

// Through the compiler's tiers, both alike.
for (const app of [bare, ours]) await burst(app, 4_000)
for (const app of [bare, ours]) await age(app, async count => await burst(app, count))
for (const app of [bare, ours]) await burst(app, 4_000)

const pairs = []
for (let pair = 0; pair < Number(given.pairs) && performance.now() < until; pair++) {
  // Every other pair the other way round.
  const order = pair % 2 === 0 ? [bare, ours] : [ours, bare]
  const cost = new Map()
  for (const app of order) cost.set(app, await burst(app, BURST))
  pairs.push({ bare: cost.get(bare), ours: cost.get(ours), ratio: cost.get(ours) / cost.get(bare) })
}

const ratios = pairs.map(pair => pair.ratio).sort((a, b) => a - b)
const ratio = median(ratios)
const quarter = share => ratios[Math.floor((ratios.length - 1) * share)]
console.log(`Main thread, CPU time per request: bare ${median(pairs.map(pair => pair.bare)).toFixed(1)} µs, ours ${median(pairs.map(pair => pair.ours)).toFixed(1)} µs`)
console.log(`Ratio: ${ratio.toFixed(2)}, median of ${pairs.length} pairs (half of them between ${quarter(0.25).toFixed(2)} and ${quarter(0.75).toFixed(2)}); limit ${limit}`)
if (ratio > limit) console.log('Above the limit: a request has become more expensive. docs/profiling.md shows how to find out where.')
process.exit(ratio > limit ? 1 : 0)
