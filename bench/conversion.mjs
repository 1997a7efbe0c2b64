/**
 * The worker's half: sealed batches → bodies that are ready to send: node bench/conversion.mjs [ROUNDS]
 * The batches are those of real requests with one log line each, converted again and again, in chunks as the worker does.
 * From the sources, because the plugin's bundle has a Converter of its own.
 */
import { createRequire } from 'node:module'
import { resourceFromAttributes } from '@opentelemetry/resources'
import fastify from 'fastify'
import { DROPPED, NOWHERE } from './injected.mjs'
import { spread } from './statistics.mjs'

const require = createRequire(import.meta.url)
require('tsx/cjs')
const { countsOf, total } = require('../lib/delivery/counters.ts')
const { Converter } = require('../lib/delivery/pipeline/convert.ts')
const { default: appInsightsPlugin } = require('../lib/index.ts')
const { parseConnectionString } = require('../lib/options/connection-string.ts')

const ROUNDS = Number(process.argv[2] ?? 40)
const REQUESTS = 2_048

/** What the plugin seals: a conversion on the main thread shows it. */
async function sealedBatches () {
  const sealed = []
  let resource
  const { bodies } = Converter.prototype
  Converter.prototype.bodies = async function (text, given) {
    sealed.push(...text)
    resource = resourceFromAttributes(given.attributes)
    return { bodies: [], counts: countsOf() }
  }
  const app = fastify({ logger: { stream: { write () {} } } })
  await app.register(appInsightsPlugin, { ...DROPPED, maxQueueSize: 100_000, worker: false, metrics: false, serviceName: 'bookshop' })
  app.get('/users/:id', async request => {
    request.log.info({ userId: request.params.id, items: 3 }, 'user read')
    return { id: request.params.id }
  })
  for (let n = 0; n < REQUESTS; n++) await app.inject({ url: `/users/${n}`, headers: { 'user-agent': 'bench/1.0' } })
  await new Promise(resolve => setTimeout(resolve, 1_000))
  await app.close()
  Converter.prototype.bodies = bodies
  return { sealed, resource }
}

const { sealed, resource } = await sealedBatches()
const converter = new Converter(parseConnectionString(NOWHERE), false, true)
const chunks = []
for (let at = 0; at < sealed.length; at += 4) chunks.push(sealed.slice(at, at + 4).map(String))
const times = []
let bytes = 0
let rows = 0
for (let round = 0; round < ROUNDS; round++) {
  const began = process.cpuUsage()
  bytes = 0
  rows = 0
  for (const chunk of chunks) {
    const { bodies, counts } = await converter.bodies(chunk, resource)
    for (const { body } of bodies) bytes += body.data.length
    rows += total(counts)
  }
  const { user, system } = process.cpuUsage(began)
  times.push((user + system) / (rows / 2))
}
const { median, q1, q3 } = spread(times.slice(Math.floor(ROUNDS / 4)))
console.log(`${sealed.length} batches, ${rows} rows, ${(sealed.join('').length / rows * 2).toFixed(0)} characters sealed a request`)
console.log(`${median.toFixed(1)} µs of CPU a request and its line (${q1.toFixed(1)} – ${q3.toFixed(1)}), ${(bytes / rows * 2).toFixed(1)} bytes sent`)
