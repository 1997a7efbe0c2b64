/**
 * What each part costs on the event loop, as a ratio: node bench/overhead.mjs
 * All variants answer the same injected requests in turn; a ratio compares two variants of one round, so that a
 * machine that slows down slows down all of them. Time is the process's CPU time, not the clock's. Rows are packed and
 * dropped at a full queue: the worker thread and the network have no part in it. The last table's requests make one
 * call to a server in another thread, the others none.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import appInsightsPlugin from '../dist/index.js'
import { DROPPED, NOWHERE, cpuPerRequest, inTurn } from './injected.mjs'
import { median } from './statistics.mjs'

const ROUNDS = 40
const REQUESTS = 1_500
const CALLS = 300
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
  if (options !== undefined) await app.register(appInsightsPlugin, { ...DROPPED, ...options })
  app.get('/users/:id', async request => ({ id: request.params.id }))
  app.get('/call', async () => await (await fetch(`http://127.0.0.1:${port}/inner`)).text())
  await app.ready()
  return app
}

/** @param settle milliseconds between the start of the apps and the first measure */
async function compare (variants, url, count, base, settle = 0) {
  const names = Object.keys(variants)
  const apps = []
  for (const name of names) apps.push(await build(variants[name]))
  for (const app of apps) await cpuPerRequest(app, url, count)
  await wait(settle)
  const all = await inTurn(apps, ROUNDS, url, count)
  const ofBase = all[names.indexOf(base)]
  const rows = names.map((name, index) => [name, median(all[index]).toFixed(1), median(all[index].map((value, round) => value / ofBase[round])).toFixed(2)])
  for (const [name, micros, ratio] of rows) console.log(`  ${name.padEnd(26)} ${micros.padStart(7)} µs of CPU   ${ratio} ×`)
  for (const app of apps) await app.close()
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
