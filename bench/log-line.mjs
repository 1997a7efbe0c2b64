/**
 * What it costs to send one log line, as a ratio to what pino needs to write it.
 * Run: npm run build && node bench/log-line.mjs
 *
 * Both loggers are of one process and write to /dev/null, in turns, so that noise meets both. The time is that of the
 * log calls on the main thread; converting and posting is the worker thread's.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import fastify from 'fastify'
import appInsightsPlugin from '../dist/index.js'
import pino from 'pino'

const LINES = 2_000
const ROUNDS = Number(process.argv[2] ?? 60)
const WARM_UP = 10

const ingestion = new Worker(`
  const { createServer } = require('node:http')
  const { parentPort } = require('node:worker_threads')
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"itemsReceived":1,"itemsAccepted":1,"errors":[]}'))
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`, { eval: true })
const [port] = await once(ingestion, 'message')

const destination = () => pino.destination({ dest: '/dev/null', sync: true })
const plain = fastify({ logger: { stream: destination() } })
const observed = fastify({ logger: { stream: destination() } })
await observed.register(appInsightsPlugin, {
  connectionString: `InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:${port}`,
  storageDirectory: false
})
await plain.ready()
await observed.ready()

const kinds = {
  'message only': log => log.info('user read'),
  'three fields': log => log.info({ userId: '42', plan: 'pro', ms: 12.5 }, 'user read'),
  'nested field': log => log.info({ user: { id: 42, roles: ['a', 'b'] }, url: 'https://api.test/users?page=1' }, 'user read')
}

const rows = []
for (const [kind, write] of Object.entries(kinds)) {
  const loggers = [plain, observed].map(app => app.log.child({ reqId: 'req-1' }))
  const times = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const begin = performance.now()
      for (let line = 0; line < LINES; line++) write(loggers[i])
      if (round >= WARM_UP) times[i].push((performance.now() - begin) * 1_000 / LINES)
      await observed.appInsights.flush()
    }
  }
  const [pino, both] = times.map(median)
  rows.push([kind, pino.toFixed(2), both.toFixed(2), (both / pino).toFixed(2)])
  console.log(`${kind.padEnd(14)} pino ${pino.toFixed(2)} µs, with the plugin ${both.toFixed(2)} µs: ${(both / pino).toFixed(2)} times, sending alone ${((both - pino) / pino).toFixed(2)} times pino`)
}
await observed.close()
await plain.close()
await ingestion.terminate()
writeFileSync(new URL('results/log-line.json', import.meta.url), `${JSON.stringify([{
  command: 'node bench/log-line.mjs',
  node: process.version,
  date: new Date().toISOString(),
  title: 'What a log line costs',
  about: 'A call of a child logger that writes to `/dev/null`, main thread alone, sending included.',
  head: ['', 'pino alone, µs', 'with the plugin, µs', 'times pino'],
  rows
}], null, 1)}\n`)

function median (values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
