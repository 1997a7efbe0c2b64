/**
 * Every peer, every measure → a table, and a file with the numbers.
 *
 * node bench/run.mjs [--quick] [--rounds N] [--peers a,b] [--only bursts,load,paced,startUp,outage,closing,ending,cases] [--out FILE] [--into FILE] [--note TEXT]
 *
 * --into puts what --only names into the results of an earlier run of this version on this machine; with --peers, what
 * these peers did.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    peers: { type: 'string' },
    only: { type: 'string' },
    out: { type: 'string' },
    into: { type: 'string' },
    note: { type: 'string' }
  }
})

if (!existsSync(join(here, 'node_modules'))) {
  console.error('Installing the peers, once …')
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: here, stdio: 'inherit', shell: process.platform === 'win32' })
}

const { bursts, closing, ending, load, outage, startLoad, startUp } = await import('./measures.mjs')
const { runCases } = await import('./cases.mjs')
const { pinned } = await import('./processes.mjs')
const { spread } = await import('./statistics.mjs')
const { table } = await import('./table.mjs')
const { peers: known } = createRequire(import.meta.url)('./peers.cjs')

const settings = given.quick
  ? { rounds: 1, seconds: 1.5, warmup: 0.8, settled: 2_048, aging: { times: 5, count: 128 }, connections: 32, latencies: [150], latencyRounds: 1, bursts: { latency: 150, rounds: 3, burst: 512, warmup: 1 }, rate: 1_000, pacedRounds: 0, startUps: 0, outage: { rate: 200, before: 2, outage: 6, after: [5, 8] }, closeLimit: 8_000, successor: 4 }
  : { rounds: 5, seconds: 8, warmup: 2, settled: 25_600, aging: { times: 10, count: 256 }, connections: 32, latencies: [150, 50, 0], latencyRounds: 2, bursts: { latency: 150, rounds: 40, burst: 512, warmup: 4 }, rate: 1_000, pacedRounds: 5, startUps: 15, outage: { rate: 500, before: 5, outage: 20, after: [30, 120] }, closeLimit: 120_000, successor: 20 }
if (given.rounds !== undefined) settings.rounds = Number(given.rounds)

const earlier = given.into === undefined ? undefined : JSON.parse(readFileSync(given.into, 'utf8'))
if (earlier !== undefined && (given.only === undefined || earlier.node !== process.version)) throw new Error(`--into goes with --only, and with Node.js ${earlier.node}`)

const names = given.peers === undefined ? Object.keys(known) : given.peers.split(',')
const instrumented = names.filter(name => name !== 'bare')
const wanted = measure => given.only === undefined || given.only.split(',').includes(measure)
const generator = await startLoad()
const began = Date.now()

const results = {
  date: new Date().toISOString(),
  command: `npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`,
  quick: given.quick,
  note: given.note,
  node: process.version,
  machine: { cores: availableParallelism(), cpu: cpus()[0]?.model.trim(), memory: `${Math.round(totalmem() / 2 ** 30)} GB`, platform: `${process.platform} ${process.arch}`, pinned, loadBefore: loadavg()[0] },
  versions: versions(),
  settings,
  peers: Object.fromEntries(names.map(name => [name, known[name].label])),
  load: {},
  errors: []
}

function versions () {
  const require = createRequire(import.meta.url)
  const { dependencies } = require('./package.json')
  const own = require('../package.json')
  const found = { [own.name]: `${own.version}${commit()}` }
  for (const name of Object.keys(dependencies)) found[name] = JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json'), 'utf8')).version
  return found
}

function commit () {
  try {
    return ` (${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()})`
  } catch {
    return ''
  }
}

function rounded (_key, value) {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}

function say (text) {
  console.error(`${String(Math.round((Date.now() - began) / 1_000)).padStart(5)} s  ${text}`)
}

async function attempt (what, name, run) {
  try {
    return await run()
  } catch (error) {
    say(`${what}: ${name} failed: ${error.message}`)
    results.errors.push({ what, peer: name, message: error.message })
    return undefined
  }
}

/** Peers in turn, round after round, so that what disturbs the machine disturbs all of them. */
async function inTurn (what, rounds, measure) {
  const all = Object.fromEntries(names.map(name => [name, []]))
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards: nobody always runs on a machine that has just been warmed up by the same neighbour.
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      say(`${what}, round ${round + 1} of ${rounds}: ${known[name].label}`)
      all[name][round] = await attempt(what, name, () => measure(name))
    }
  }
  return Object.fromEntries(names.map(name => [name, combine(all[name], all.bare)]))
}

const METRICS = ['throughput', 'p50', 'p99', 'mainMicros', 'totalMicros', 'delayP50', 'delayP99', 'delayMax', 'rss', 'maxRss', 'requests', 'logs', 'bytes', 'plainBytes', 'closedAfter', 'readyAfter', 'duplicates']

function combine (rounds, bare) {
  const combined = {}
  for (const metric of METRICS) {
    const found = spread(rounds.map(round => round?.[metric]))
    if (found !== null) combined[metric] = found
  }
  // Pairs: against bare Fastify in the same round.
  const pairs = (metric, relate) => spread(rounds.map((round, index) => {
    const [own, other] = [round?.[metric], bare?.[index]?.[metric]]
    return own === undefined || other === undefined ? undefined : relate(own, other)
  })) ?? undefined
  combined.mainOverBare = pairs('mainMicros', (own, other) => own - other)
  combined.mainOfBare = pairs('mainMicros', (own, other) => own / other)
  combined.totalOverBare = pairs('totalMicros', (own, other) => own - other)
  combined.throughputOfBare = pairs('throughput', (own, other) => own / other)
  combined.startUpOverBare = pairs('readyAfter', (own, other) => own - other)
  const dropped = rounds.at(-1)?.stats
  if (dropped !== undefined) combined.stats = { requests: dropped.requests, traces: dropped.traces }
  return combined
}

async function atOnce (what, measure, of = instrumented) {
  say(what)
  return Object.fromEntries(await Promise.all(of.map(async name => [name, await attempt(what, name, () => measure(name))])))
}

if (wanted('bursts')) {
  say(`bursts in turn: ${settings.bursts.rounds} of ${settings.bursts.burst} requests for each`)
  const measured = await bursts(names, generator, { ...settings.bursts, settled: settings.settled, aging: settings.aging })
  results.bursts = Object.fromEntries(names.map(name => [name, { ...measured[name], ...combine(measured[name].rounds, measured.bare?.rounds), rounds: undefined }]))
}
/** Few at a time: more would take the processor from each other, and what is late is not what is missing. */
async function inLine (what, measure, atATime = 2) {
  say(what)
  const all = Object.fromEntries(instrumented.map(name => [name, undefined]))
  const left = [...instrumented]
  async function next () {
    for (let name = left.shift(); name !== undefined; name = left.shift()) all[name] = await attempt(what, name, () => measure(name))
  }
  await Promise.all(Array.from({ length: atATime }, next))
  return all
}

const traffic = { seconds: settings.seconds, warmup: settings.warmup, settled: settings.settled, aging: settings.aging, connections: settings.connections }
if (wanted('load')) {
  for (const latency of settings.latencies) {
    const rounds = latency === 150 ? settings.rounds : settings.latencyRounds
    results.load[latency] = await inTurn(`full load, ingestion latency ${latency} ms`, rounds, name => load(name, generator, { ...traffic, latency }))
  }
}
if (wanted('paced') && settings.pacedRounds > 0) results.paced = await inTurn(`${settings.rate} requests/s`, settings.pacedRounds, name => load(name, generator, { ...traffic, latency: 150, rate: settings.rate }))
if (wanted('startUp') && settings.startUps > 0) results.startUp = await inTurn('start-up', settings.startUps, startUp)

const steps = {
  outage: () => atOnce(`an outage of ${settings.outage.outage} s`, name => outage(name, generator, settings.outage)),
  async closing () {
    const [hang, refuse] = await Promise.all([
      atOnce('closing with an endpoint that never answers', name => closing(name, generator, { mode: 'hang', limit: settings.closeLimit })),
      atOnce('closing with an endpoint that refuses', name => closing(name, generator, { mode: 'refuse', limit: settings.closeLimit }))
    ])
    return { hang, refuse }
  },
  async ending () {
    const crash = await (given.quick ? atOnce : inLine)('an uncaught exception after the answer', name => ending(name, generator, { how: 'crash', successor: settings.successor }))
    const exit = given.quick ? undefined : await inLine('process.exit() after the answer', name => ending(name, generator, { how: 'exit', successor: settings.successor }))
    return { crash, exit }
  },
  cases: () => inLine('what each one sends', name => runCases(name), given.quick ? 4 : 2)
}
async function step (name) {
  if (wanted(name)) results[name] = await steps[name]()
}
if (given.quick) {
  // An outage is mostly waiting, and so is closing.
  await Promise.all([step('outage'), step('closing').then(() => step('ending'))])
  await step('cases')
} else for (const name of Object.keys(steps)) await step(name)

results.seconds = Math.round((Date.now() - began) / 1_000)
if (earlier !== undefined) {
  const measured = Object.fromEntries(given.only.split(',').filter(name => results[name] !== undefined).map(name => [name, given.peers === undefined ? results[name] : { ...earlier[name], ...results[name] }]))
  if (given.peers !== undefined) Object.assign(measured, { peers: { ...earlier.peers, ...results.peers }, versions: { ...results.versions, ...earlier.versions } })
  const again = { command: results.command, date: results.date, version: Object.values(results.versions)[0], cpu: results.machine.cpu, seconds: results.seconds }
  writeFileSync(given.into, `${JSON.stringify({ ...earlier, ...measured, errors: [...earlier.errors, ...results.errors], again }, rounded, 1)}\n`)
  process.exit(results.errors.length > 0 ? 1 : 0)
}
const out = given.out ?? join(here, 'results', given.quick || given.only !== undefined || given.peers !== undefined ? 'tmp/latest.json' : 'full.json')
mkdirSync(dirname(out), { recursive: true })
writeFileSync(out, `${JSON.stringify(results, rounded, 1)}\n`)

console.log(table(results))
if (results.machine.loadBefore > 0.5) console.log(`\nThe machine was busy before the run began (load ${results.machine.loadBefore.toFixed(1)}): times and shares suffer, and not alike. Repeat it when it is quiet.`)
say(`done; the numbers are in ${out}`)
process.exit(results.errors.length > 0 ? 1 : 0)
