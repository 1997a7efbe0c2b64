/**
 * What each part costs on the event loop, as a ratio: node bench/overhead.mjs
 * All variants answer the same injected requests in turn; a ratio compares two variants of one round, so that a
 * machine that slows down slows down all of them. Time is the process's CPU time, not the clock's. Rows are packed and
 * dropped at a full queue: the worker thread and the network have no part in it. The last table's requests make one
 * call to a server in another thread, the others none.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import appInsightsPlugin from '../dist/index.js'

const ROUNDS = 40
const REQUESTS = 1_500
const CALLS = 300
const NOWHERE = 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:1'
const ALL = { logs: true, dependencies: true, metrics: true, exceptions: true }

const PARTS = {
  'without the plugin': undefined,
  'everything on': ALL,
  'dependencies off': { ...ALL, dependencies: false },
  'metrics off': { ...ALL, metrics: false },
  'logs off': { ...ALL, logs: false },
  'sampled out': { ...ALL, samplingRatio: 0 },
  'sampled out, metrics off': { ...ALL, samplingRatio: 0, metrics: false },
  'Server-Timing on': { ...ALL, requests: { serverTiming: true } }
}

const callee = new Worker(`
  const { parentPort } = require('node:worker_threads')
  const server = require('node:http').createServer((_request, response) => response.end('fine'))
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`, { eval: true })
const [port] = await once(callee, 'message')

async function build (options) {
  const app = fastify({ logger: { stream: { write () {} } } })
  if (options !== undefined) await app.register(appInsightsPlugin, { connectionString: NOWHERE, storageDirectory: false, maxQueueSize: 1, closeTimeout: 0, ...options })
  app.get('/users/:id', async request => ({ id: request.params.id }))
  app.get('/call', async () => await (await fetch(`http://127.0.0.1:${port}/inner`)).text())
  await app.ready()
  return app
}

async function measure (app, url, count) {
  const began = process.cpuUsage()
  for (let n = 0; n < count; n++) {
    await app.inject(url)
    // inject() alone never lets the event loop turn, and what waits for a turn would pile up.
    if (n % 50 === 0) await turn()
  }
  const { user, system } = process.cpuUsage(began)
  return (user + system) / count
}

const median = values => values.toSorted((a, b) => a - b)[values.length >> 1]

/** @param settle milliseconds between the start of the apps and the first measure */
async function compare (variants, url, count, base, settle = 0) {
  const apps = {}
  for (const [name, options] of Object.entries(variants)) apps[name] = await build(options)
  for (const app of Object.values(apps)) await measure(app, url, count)
  await wait(settle)
  const times = Object.fromEntries(Object.keys(apps).map(name => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    // Each comes first in its turn: whoever follows another pays for its garbage.
    const names = Object.keys(apps)
    for (let n = 0; n < names.length; n++) {
      const name = names[(n + round) % names.length]
      times[name].push(await measure(apps[name], url, count))
    }
  }
  const rows = []
  for (const [name, values] of Object.entries(times)) {
    const ratio = median(values.map((value, round) => value / times[base][round]))
    console.log(`  ${name.padEnd(26)} ${median(values).toFixed(1).padStart(7)} µs of CPU   ${ratio.toFixed(2)} ×`)
    rows.push([name, median(values).toFixed(1), ratio.toFixed(2)])
  }
  for (const app of Object.values(apps)) await app.close()
  return rows
}

const source = { command: 'node bench/overhead.mjs', node: process.version, date: new Date().toISOString() }
console.log('A request that calls nobody, against the same with everything on:')
const parts = await compare(PARTS, '/users/42', REQUESTS, 'everything on')
console.log('A request that makes one fetch, against the same without dependencies:')
const calls = await compare({ 'dependencies off': PARTS['dependencies off'], 'everything on': ALL }, '/call', CALLS, 'dependencies off')
// Where Live Metrics go, in a process of its own.
const watcher = fork(fileURLToPath(new URL('watcher.mjs', import.meta.url)))
const [[watched, unwatched]] = await once(watcher, 'message')
console.log('Live Metrics:')
const live = await compare({
  'Live Metrics off': { ...ALL, liveMetrics: false },
  'nobody watches': { ...ALL, connectionString: `${NOWHERE};LiveEndpoint=${unwatched}` },
  'somebody watches': { ...ALL, connectionString: `${NOWHERE};LiveEndpoint=${watched}` }
}, '/users/42', REQUESTS, 'Live Metrics off', 8_000)
watcher.kill()
await callee.terminate()
writeFileSync(new URL('results/overhead.json', import.meta.url), `${JSON.stringify([
  { ...source, title: 'What each part costs', about: 'An injected request that calls nobody and writes Fastify\'s own two log lines: CPU time of the process, the worker thread kept out of it.', head: ['', 'µs', 'times everything on'], rows: parts },
  { ...source, title: 'What an outgoing call costs', about: 'The same with one `fetch` in it.', head: ['', 'µs', 'times dependencies off'], rows: calls },
  { ...source, title: 'What Live Metrics cost', about: 'The request that calls nobody.', head: ['', 'µs', 'times off'], rows: live }
], null, 1)}\n`)
