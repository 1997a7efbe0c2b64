/** Workers that die, and environments where none can start. */
import { readdirSync } from 'node:fs'
import t from 'tap'
import { ingestion, type Ingestion } from '../fixtures/ingestion'
import { run } from '../fixtures/process'
import { QUICK, temporary } from '../fixtures/telemetry'

t.jobs = 2

function arrivedOnce (server: Ingestion, rows: number): boolean {
  return server.accepted.size === rows && server.duplicates().length === 0
}

t.test('workers die one after another: the next one sends what they had not acknowledged, once', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  server.latency = 50
  const ended = await run(t, 'terminated-workers', { connectionString: server.connectionString, timing: QUICK, situation: 'one after another' })
  t.match(ended, { code: 0, stderr: '' })
  const [flushed, traces, workers, closed] = JSON.parse(ended.stdout)
  t.match(flushed, { sent: 1_000, lost: 0, pending: 0 })
  t.match(traces, { recorded: 1_000, delivered: 1_000, queued: 0, inFlight: 0, dropped: {} })
  t.match(closed, { sent: 1_000, lost: 0 })
  t.ok(workers >= 5)
  t.ok(arrivedOnce(server, 1_000))
})

for (const [when, pause] of [['before it has sent anything', 0], ['in the middle of it', 600]] as const) {
  t.test(`a worker that holds more than the shared memory dies ${when}: its rows are sent, as they were`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    server.latency = 200
    const ended = await run(t, 'terminated-workers', { connectionString: server.connectionString, timing: QUICK, situation: 'more than shared memory holds', pause })
    t.match(ended, { code: 0, stderr: '' })
    const rows = 20_000 + 2 * 256
    const [flushed, traces] = JSON.parse(ended.stdout)
    t.match(flushed, { sent: rows, lost: 0, pending: 0 })
    t.match(traces, { recorded: rows, delivered: rows, dropped: {} })
    t.equal(server.accepted.size, rows)
    const texts = server.envelopes.map(({ data }) => data.baseData.properties!).filter(({ text }) => text !== undefined)
    t.same(new Set(texts.map(({ id, text }) => `${id.slice(0, 4)} ${text}`)), new Set([`long ${'€'.repeat(700)}`, `wide ${'€'.repeat(300)}`]))
  })
}

t.test('a worker dies in the middle of a request: its rows are sent again and counted once', async t => {
  const server = await ingestion(({ number }) => number === 0 ? 'hang' : 200)
  t.teardown(server.close)
  const ended = await run(t, 'terminated-workers', { connectionString: server.connectionString, timing: { ...QUICK, requestTimeout: 5_000 }, situation: 'in the middle of a request' })
  t.match(ended, { code: 0, stderr: '' })
  const [flushed, stats] = JSON.parse(ended.stdout)
  t.match(flushed, { sent: 50, lost: 0, pending: 0 })
  t.match(stats, { traces: { recorded: 50, delivered: 50, dropped: {} }, lastError: { message: /worker thread died/ } })
  t.ok(arrivedOnce(server, 50))
})

t.test('a worker dies on its own: the next one starts even if nothing new arrives', async t => {
  const server = await ingestion(({ number }) => number < 5 ? 503 : 200)
  t.teardown(server.close)
  const ended = await run(t, 'terminated-workers', { connectionString: server.connectionString, timing: QUICK, situation: 'nothing new arrives' })
  t.match(ended, { code: 0, stderr: '', stdout: '2\n' })
  t.ok(arrivedOnce(server, 1))
})

for (const [how, pause] of [['with the endpoint well at once', 0], ['with the endpoint away for longer', 2_000]] as const) {
  t.test(`a dead worker's files belong to the next one of the same process, ${how}`, async t => {
    const server = await ingestion(() => 503)
    t.teardown(server.close)
    const storageDirectory = temporary(t)
    // The program itself reports success.
    server.script = ({ items }) => {
      if (items.length === 0) server.script = () => 200
      return 503
    }
    const ended = await run(t, 'terminated-workers', { connectionString: server.connectionString, storageDirectory, timing: QUICK, situation: 'rows on disk', pause })
    t.match(ended, { code: 0, stderr: '' })
    const [flushed, stats, workers] = JSON.parse(ended.stdout)
    t.equal(workers, 2)
    t.match(flushed, { sent: 61, spooled: 0, lost: 0, pending: 0 })
    t.match(stats, { traces: { recorded: 61, delivered: 61, spooled: 0 }, inherited: { delivered: 0, waiting: 0 } })
    t.ok(arrivedOnce(server, 61))
    t.same(readdirSync(storageDirectory, { recursive: true, withFileTypes: true }).filter(each => each.isFile()), [])
  })
}

for (const why of ['is not allowed', 'lacks its file', 'has no memory', 'ends at once', 'throws at once']) {
  t.test(`if a worker ${why}, the main thread sends, with one warning`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    const ended = await run(t, 'worker-cannot-start', { connectionString: server.connectionString, warnings: true, why })
    t.match(ended, { code: 0 })
    const [flushed, traces, closed] = JSON.parse(ended.stdout)
    t.match(flushed, { sent: 10, lost: 0, pending: 0 })
    t.match(traces, { delivered: 10, dropped: {} })
    t.match(closed, { sent: 10, lost: 0 })
    t.ok(arrivedOnce(server, 10))
    t.equal(ended.stderr.match(/worker thread cannot be started/g)?.length, 1, ended.stderr)
  })
}
