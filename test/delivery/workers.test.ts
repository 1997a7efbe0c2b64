/** Workers that die, and environments where none can start. */
import { readdirSync } from 'node:fs'
import t from 'tap'
import { ingestion, type Ingestion } from '../fixtures/ingestion'
import { run, type Ended } from '../fixtures/process'
import { QUICK, temporary } from '../fixtures/telemetry'

t.jobs = 2

/** Workers that the test program can kill. */
const WORKERS = `
  const threads = require('worker_threads')
  const workers = []
  threads.Worker = class extends threads.Worker { constructor (...args) { super(...args); workers.push(this) } }
`
const TOOLS = `
  const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
  const until = async condition => { while (!condition()) await sleep(20) }
`

const program = async (t: Parameters<typeof run>[0], code: string, options: object, before = WORKERS): Promise<Ended> =>
  await run(t, `${TOOLS};(async () => { ${code} })()`, options, {}, before)

function arrivedOnce (server: Ingestion, rows: number): boolean {
  return server.accepted.size === rows && server.duplicates().length === 0
}

t.test('workers die one after another: the next one sends what they had not acknowledged, once', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  server.latency = 50
  const ended = await program(t, `
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 100; n++) log(round + '-' + n)
      await delivery.flush()
      for (let n = 100; n < 200; n++) log(round + '-' + n)
      delivery.flush()
      workers.at(-1).terminate()
      await sleep(10)
    }
    console.log(JSON.stringify([await delivery.flush(), delivery.stats().traces, workers.length, await delivery.close(5000)]))
  `, { connectionString: server.connectionString, timing: QUICK })
  t.match(ended, { code: 0, stderr: '' })
  const [flushed, traces, workers, closed] = JSON.parse(ended.stdout)
  t.match(flushed, { sent: 1_000, lost: 0, pending: 0 })
  t.match(traces, { recorded: 1_000, delivered: 1_000, queued: 0, inFlight: 0, dropped: {} })
  t.match(closed, { sent: 1_000, lost: 0 })
  t.ok(workers >= 5)
  t.ok(arrivedOnce(server, 1_000))
})

t.test('a worker dies in the middle of a request: its rows are sent again and counted once', async t => {
  const server = await ingestion(({ number }) => number === 0 ? 'hang' : 200)
  t.teardown(server.close)
  const ended = await program(t, `
    for (let n = 0; n < 50; n++) log('l' + n)
    await until(() => delivery.stats().traces.inFlight === 50)
    await sleep(300)
    workers[0].terminate()
    await until(() => delivery.stats().traces.inFlight === 0)
    console.log(JSON.stringify([await delivery.flush(), delivery.stats()]))
    await delivery.close(1000)
  `, { connectionString: server.connectionString, timing: { ...QUICK, requestTimeout: 5_000 } })
  t.match(ended, { code: 0, stderr: '' })
  const [flushed, stats] = JSON.parse(ended.stdout)
  t.match(flushed, { sent: 50, lost: 0, pending: 0 })
  t.match(stats, { traces: { recorded: 50, delivered: 50, dropped: {} }, lastError: { message: /worker thread died/ } })
  t.ok(arrivedOnce(server, 50))
})

t.test('a worker dies on its own: the next one starts even if nothing new arrives', async t => {
  const server = await ingestion(({ number }) => number < 5 ? 503 : 200)
  t.teardown(server.close)
  const ended = await program(t, `
    const alive = setInterval(() => {}, 1000)
    log('one')
    await until(() => delivery.stats().lastError !== null)
    workers[0].terminate()
    await until(() => delivery.stats().traces.delivered === 1)
    console.log(workers.length)
    clearInterval(alive)
    await delivery.close(1000)
  `, { connectionString: server.connectionString, timing: QUICK })
  t.match(ended, { code: 0, stderr: '', stdout: '2\n' })
  t.ok(arrivedOnce(server, 1))
})

for (const how of ['with the endpoint well at once', 'with the endpoint away for longer'] as const) {
  t.test(`a dead worker's files belong to the next one of the same process, ${how}`, async t => {
    const server = await ingestion(() => 503)
    t.teardown(server.close)
    const storageDirectory = temporary(t)
    // The program itself reports success.
    server.script = ({ items }) => {
      if (items.length === 0) server.script = () => 200
      return 503
    }
    const ended = await program(t, `
      for (let n = 0; n < 60; n++) log('l' + n)
      await until(() => delivery.stats().traces.spooled === 60)
      workers[0].terminate()
      await sleep(${how.includes('at once') ? 0 : 2000})
      await fetch(options.connectionString.split('IngestionEndpoint=')[1], { method: 'POST', body: '[]' })
      log('next')
      await until(() => delivery.stats().traces.delivered === 61)
      console.log(JSON.stringify([await delivery.flush(), delivery.stats(), workers.length, await delivery.close(1000)]))
    `, { connectionString: server.connectionString, storageDirectory, timing: QUICK })
    t.match(ended, { code: 0, stderr: '' })
    const [flushed, stats, workers] = JSON.parse(ended.stdout)
    t.equal(workers, 2)
    t.match(flushed, { sent: 61, spooled: 0, lost: 0, pending: 0 })
    t.match(stats, { traces: { recorded: 61, delivered: 61, spooled: 0 }, inherited: { delivered: 0, waiting: 0 } })
    t.ok(arrivedOnce(server, 61))
    t.same(readdirSync(storageDirectory, { recursive: true, withFileTypes: true }).filter(each => each.isFile()), [])
  })
}

const cannotStart: Record<string, string> = {
  'is not allowed': "constructor () { throw Object.assign(new Error('Access to this API has been restricted'), { code: 'ERR_ACCESS_DENIED' }) }",
  'lacks its file': "constructor (file, options) { super(file + '.not-in-the-bundle', options) }",
  'has no memory': 'constructor (file, options) { super(file, { ...options, resourceLimits: { maxOldGenerationSizeMb: 1, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 1, stackSizeMb: 1 } }) }',
  'ends at once': "constructor (file, options) { super('process.exit(7)', { ...options, eval: true }) }",
  'throws at once': "constructor (file, options) { super('throw new Error(\\'no\\')', { ...options, eval: true }) }"
}
for (const [why, constructor] of Object.entries(cannotStart)) {
  t.test(`if a worker ${why}, the main thread sends, with one warning`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    const ended = await program(t, `
      for (let n = 0; n < 10; n++) { log('l' + n); await sleep(250) }
      console.log(JSON.stringify([await delivery.flush(), delivery.stats().traces, await delivery.close(5000)]))
    `, { connectionString: server.connectionString, warnings: true }, `
      const threads = require('worker_threads')
      threads.Worker = class extends threads.Worker { ${constructor} }
    `)
    t.match(ended, { code: 0 })
    const [flushed, traces, closed] = JSON.parse(ended.stdout)
    t.match(flushed, { sent: 10, lost: 0, pending: 0 })
    t.match(traces, { delivered: 10, dropped: {} })
    t.match(closed, { sent: 10, lost: 0 })
    t.ok(arrivedOnce(server, 10))
    t.equal(ended.stderr.match(/worker thread cannot be started/g)?.length, 1, ended.stderr)
  })
}
