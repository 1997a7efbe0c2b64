/**
 * What the hooks alone cost on the event loop: node bench/hooks.mjs
 * Each variant answers the same injected requests in turn; a ratio compares two variants of one round, so that a
 * machine that slows down slows down both. No log lines; rows are packed and dropped at a full queue, so that
 * neither the worker thread nor the network has a part in it.
 */
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'

const ROUNDS = 15
const REQUESTS = 4_000
const NOWHERE = 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:1'

const VARIANTS = {
  bare: undefined,
  'hooks and context (sampled out)': { samplingRatio: 0 },
  'hooks, context and span': { samplingRatio: 1 }
}

async function build (options) {
  const app = fastify()
  if (options !== undefined) await app.register(appInsightsPlugin, { connectionString: NOWHERE, logs: false, storageDirectory: false, maxQueueSize: 1, closeTimeout: 0, ...options })
  app.get('/users/:id', async request => ({ id: request.params.id }))
  await app.ready()
  return app
}

async function measure (app) {
  const began = process.hrtime.bigint()
  for (let n = 0; n < REQUESTS; n++) await app.inject('/users/42?plan=pro')
  return Number(process.hrtime.bigint() - began) / REQUESTS / 1_000
}

const median = values => values.toSorted((a, b) => a - b)[values.length >> 1]

const apps = {}
for (const [name, options] of Object.entries(VARIANTS)) apps[name] = await build(options)
for (const app of Object.values(apps)) await measure(app)

const times = Object.fromEntries(Object.keys(apps).map(name => [name, []]))
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, app] of Object.entries(apps)) times[name].push(await measure(app))
}
for (const [name, values] of Object.entries(times)) {
  const ratio = median(values.map((value, round) => value / times.bare[round]))
  console.log(`${name.padEnd(34)} ${median(values).toFixed(1).padStart(6)} µs per inject   ${ratio.toFixed(2)} × bare`)
}
await Promise.all(Object.values(apps).map(async app => await app.close()))
