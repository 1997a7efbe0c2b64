/**
 * Where the time goes: an app under load with V8's sampling profiler, one profile for each thread, and a summary of each.
 *
 * node bench/profile.mjs [PEER] [--seconds N] [--rate REQUESTS_A_SECOND] [--out FOLDER]
 */
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startApp, startIngestion, startLoad, within } from './processes.mjs'

const { values: given, positionals: [peer = 'ours'] } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '6' }, rate: { type: 'string' }, out: { type: 'string' } }
})
const out = given.out ?? fileURLToPath(new URL(`results/tmp/profile-${peer}`, import.meta.url))
rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })

const [generator, ingestion] = await Promise.all([startLoad(), startIngestion({ latency: 150 })])
const app = await startApp(peer, ingestion.port, { flags: ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${out}`] })
const traffic = { port: app.port, connections: 32, letter: 'm' }
const warmup = await generator.ask('run', { ...traffic, seconds: 2 })
const measured = await generator.ask('run', { ...traffic, seconds: Number(given.seconds), rate: given.rate === undefined ? undefined : Number(given.rate), first: warmup.answered })
app.ask('close').catch(() => {})
await within(20_000, app.exited)
const requests = warmup.answered + measured.answered

for (const file of readdirSync(out).filter(name => name.endsWith('.cpuprofile')).sort()) summarize(join(out, file))
console.log(`\n${requests} requests, two seconds of warm-up and the start included. Open a .cpuprofile in the Performance panel of Chrome's DevTools for the whole tree.`)
process.exit()

function summarize (file) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'))
  const frames = new Map(nodes.map(node => [node.id, node.callFrame]))
  const functions = new Map()
  const places = new Map()
  let busy = 0
  samples.forEach((id, index) => {
    const { functionName, url, lineNumber } = frames.get(id)
    if (functionName === '(idle)') return
    const time = timeDeltas[index]
    const place = placeOf(url, functionName)
    busy += time
    places.set(place, (places.get(place) ?? 0) + time)
    const name = `${functionName || '(anonymous)'}  ${url === '' ? '' : `${url.replace(/^.*\/(?:node_modules|dist|bench)\//, '')}:${lineNumber + 1}`}`
    functions.set(name, (functions.get(name) ?? 0) + time)
  })
  console.log(`\n${file}\n${Math.round(busy / 1_000)} ms busy, ${(busy / requests).toFixed(1)} µs per request`)
  print('by package', places, 15)
  print('by function, self time', functions, 30)

  function print (title, times, count) {
    console.log(`\n  ${title}`)
    for (const [name, time] of [...times].sort((a, b) => b[1] - a[1]).slice(0, count)) {
      console.log(`  ${(100 * time / busy).toFixed(1).padStart(5)} %  ${(time / requests).toFixed(2).padStart(7)} µs/request  ${name}`)
    }
  }
}

function placeOf (url, functionName) {
  if (url === '') return functionName === '(garbage collector)' ? 'garbage collection' : 'native code'
  if (url.startsWith('node:')) return 'Node.js'
  const [, name] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(url) ?? []
  return name ?? url.replace(/^.*\/(dist|bench)\//, '$1/')
}
