/**
 * Instructions that a request costs, counted by Valgrind: node bench/instructions.mjs [PEER...]
 * CPU time says more, but it depends on what else the machine does, on its caches, and on whether two of its cores are one.
 * Instructions depend on it less: two runs of bare Fastify differed by a hundredth, three of the plugin by a fifteenth on
 * Node.js 20, but by two thirds on Node.js 24, in all of them on a machine that did other things too. Needs Linux and Valgrind (Debian: `apt-get install valgrind`).
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startApp, startIngestion, startLoad } from './processes.mjs'

const { peers: known } = createRequire(import.meta.url)('./peers.cjs')
const BASELINE = 'http-pino'
const DEFAULT = ['bare', 'ours', BASELINE]
// The compiler needs many requests until it is through.
const WARM_UP = 40_000
const REQUESTS = 5_000
// A run of the generator is limited in time, and Valgrind takes 30 times as long.
const AT_ONCE = 1_000
// What compiler and collector do on other threads depends on the machine, so each thread does its own.
const FLAGS = ['--single-threaded', '--hash-seed=1', '--random-seed=1']

// Under Valgrind it is through much later than in a service.
const COMPILER = /\bcompiler::|\bmaglev::|\bbaseline::|\binterpreter::|Compil/

const generator = await startLoad()

async function count (peer) {
  const ingestion = await startIngestion({ latency: 150 })
  const app = await startApp(peer, ingestion.port, {
    flags: FLAGS,
    under: folder => ['valgrind', '--tool=callgrind', '--smc-check=all-non-file', '--separate-threads=yes', `--callgrind-out-file=${join(folder, 'counts')}`]
  })
  // Valgrind's pipes are where the app's temporary files are.
  const dump = name => execFileSync('callgrind_control', ['-d', name, String(app.pid)], { env: { ...process.env, TMPDIR: app.folder }, stdio: 'ignore' })
  let sent = 0
  async function run (requests) {
    for (const until = sent + requests; sent < until; sent += AT_ONCE) {
      await generator.ask('run', { port: app.port, connections: 32, count: AT_ONCE, first: sent, letter: 'm' })
    }
    // What is queued is a part of the work.
    await sleep(8_000)
  }
  try {
    await run(WARM_UP)
    dump('before')
    await run(REQUESTS)
    dump('after')
    return perThread(app.folder).map(total => total / REQUESTS)
  } finally {
    await app.end()
    await ingestion.end()
  }
}

/** The second dump of each thread, the main thread first. */
function perThread (folder) {
  return readdirSync(folder).filter(name => name.startsWith('counts.2-')).sort()
    .map(name => instructionsIn(readFileSync(join(folder, name), 'latin1')))
}

/** @see https://valgrind.org/docs/manual/cl-format.html */
function instructionsIn (dump) {
  const names = new Map()
  let isCounted = true
  let isOfCallee = false
  let sum = 0
  for (const line of dump.split('\n')) {
    const [, kind, id, name] = /^(c?fn)=\((\d+)\)(?: (.*))?/.exec(line) ?? []
    if (name !== undefined) names.set(id, name)
    if (kind === 'fn') isCounted = !COMPILER.test(names.get(id))
    else if (line.startsWith('calls=')) isOfCallee = true
    else if (/^[-+*\d]/.test(line)) {
      if (isCounted && !isOfCallee) sum += Number(line.slice(line.lastIndexOf(' ') + 1))
      isOfCallee = false
    }
  }
  return sum
}

const major = process.versions.node.split('.')[0]
const file = new URL(`results/instructions-${major}.json`, import.meta.url)
// A peer takes minutes, so what earlier runs counted for the others is kept.
const counted = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8'))[0].counted : {}
const names = process.argv.length > 2 ? process.argv.slice(2) : DEFAULT
for (const name of counted.bare === undefined ? new Set(['bare', ...names]) : names) {
  const [main, ...others] = await count(name)
  counted[name] = { main: Math.round(main), all: Math.round(others.reduce((sum, each) => sum + each, main)) }
  console.log(name.padEnd(20), `main ${counted[name].main}`.padEnd(16), `all ${counted[name].all}`)
}
await generator.end()

const thousands = value => (value / 1_000).toFixed(1)
const over = (name, threads) => counted[name][threads] - counted.bare[threads]
const share = (name, threads) => counted[BASELINE] === undefined ? '' : (over(name, threads) / over(BASELINE, threads)).toFixed(2)
writeFileSync(file, `${JSON.stringify([{
  command: 'node bench/instructions.mjs',
  node: process.version,
  date: new Date().toISOString(),
  title: `Instructions, Node.js ${major}`,
  about: `Thousands of instructions for a request with one log line over real sockets, more than bare Fastify's (${thousands(counted.bare.main)} on the main thread), counted by Valgrind over ${REQUESTS.toLocaleString('en')} requests after ${WARM_UP.toLocaleString('en')}. Garbage collection is included, on the thread that makes the garbage; compilation and the kernel's work are not. In contrast to CPU time, this doesn't depend on the machine's caches.`,
  head: ['', 'main thread', `of ${known[BASELINE].label}`, 'all threads', `of ${known[BASELINE].label}`],
  rows: Object.keys(counted).filter(name => name !== 'bare').map(name => [known[name].label, thousands(over(name, 'main')), share(name, 'main'), thousands(over(name, 'all')), share(name, 'all')]),
  counted
}], null, 1)}\n`)
