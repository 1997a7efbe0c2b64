import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import t from 'tap'
import { ingestion, KEY } from '../fixtures/ingestion'
import { run } from '../fixtures/process'
import { produce, QUICK, temporary, until } from '../fixtures/telemetry'

t.jobs = 3

// Not the short response timeout: on a busy machine, an answer that arrives too late causes a resend.
const SOON = { claimEvery: 300 }
// It returns as soon as everything is sent; only a busy machine takes this long.
const DRAIN = { exit: 20_000, fatal: 20_000 }

/** The files below a directory. */
function files (directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter(each => each.isFile()).map(each => join(each.parentPath, each.name))
}

for (const worker of [true, false]) {
  const kind = worker ? 'worker' : 'in-process'

  t.test(`${kind}: with a black hole for an endpoint, close() returns in time, and the next process delivers once`, async t => {
    const server = await ingestion(() => 'hang')
    t.teardown(server.close)
    const storageDirectory = temporary(t)
    const { delivery, ids, request } = produce({ connectionString: server.connectionString, storageDirectory, worker })
    for (let n = 0; n < 500; n++) request(`r${n}`)
    await new Promise(resolve => setTimeout(resolve, 800))
    for (let n = 500; n < 1_000; n++) request(`r${n}`)
    const lag = monitorEventLoopDelay({ resolution: 10 })
    lag.enable()
    const start = Date.now()
    const report = await delivery.close(1_500)
    const took = Date.now() - start
    // Pauses of the machine itself are not close()'s fault.
    t.ok(took < 2_000 + lag.max / 1e6, `${took} ms, with a pause of ${Math.round(lag.max / 1e6)} ms`)
    lag.disable()
    t.same(report, { sent: 0, spooled: 2_000, lost: 0 })
    server.script = () => 200

    const others = [1, 2, 3].map(() => run(t, 'takes-over', { connectionString: server.connectionString, storageDirectory, worker, timing: SOON }))
    const ended = await Promise.all(others)
    t.same(ended.map(({ code, stderr }) => [code, stderr]), [[0, ''], [0, ''], [0, '']])
    t.equal(ended.reduce((sum, { stdout }) => sum + Number(stdout.trim().split('\n').at(-1)), 0), ids.length, 'told as inherited')
    t.same(ids.filter(id => !server.accepted.has(id)), [])
    t.same(server.duplicates(), [])
    t.same(files(storageDirectory), [], 'and nothing is left on disk')
  })

  t.test(`${kind}: files are private and contain no credentials`, async t => {
    const server = await ingestion(() => 503)
    t.teardown(server.close)
    const storageDirectory = temporary(t)
    const { delivery, request } = produce({ connectionString: server.connectionString, storageDirectory, worker, timing: QUICK })
    request('r')
    t.match(await delivery.close(2_000), { spooled: 2 })
    const found = files(storageDirectory)
    t.ok(found.length > 0)
    for (const file of found) {
      t.equal(statSync(file).mode & 0o777, 0o600)
      t.equal(statSync(join(file, '..')).mode & 0o777, 0o700)
      t.notMatch(file, KEY)
      t.notMatch(readFileSync(file, 'latin1'), 'InstrumentationKey')
    }
  })
}

const endings: Record<string, [rows: number, code: number, stderr: RegExp]> = {
  'ends by itself': [200, 0, /^$/],
  'calls process.exit(3)': [200, 3, /^$/],
  'calls process.exit(3) at once': [200, 3, /^$/],
  'throws an uncaught exception': [201, 1, /^\S+endings\.cjs:\d+\n.*throw new RangeError\('too far'\).*\n\s+\^\n\nRangeError: too far\n(?: {4}at .*\n)+\nNode\.js v\d+\.\d+\.\d+\n$/],
  'has an unhandled rejection': [201, 1, /RangeError: too far\n(?: {4}at .*\n)*\nNode\.js v\d+\.\d+\.\d+\n$/]
}

for (const [what, [rows, code, stderr]] of Object.entries(endings)) {
  t.test(`a process that ${what} without close(): delivered, with the usual exit code and output`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    const ended = await run(t, 'endings', { connectionString: server.connectionString, ending: what, drain: DRAIN })
    t.match(ended, { code, stdout: '', stderr })
    t.equal(server.accepted.size, rows)
    t.same(server.duplicates(), [])
  })

  for (const worker of [true, false]) {
    t.test(`${worker ? '' : 'in-process: '}a process that ${what} while the endpoint is down: rows are stored, and the next start delivers them`, async t => {
      const server = await ingestion(() => 'hang')
      t.teardown(server.close)
      const storageDirectory = temporary(t)
      const ended = await run(t, 'endings', { connectionString: server.connectionString, storageDirectory, worker, ending: what, drain: { exit: 3_000, fatal: 2_000 } })
      t.match(ended, { code, stdout: '', stderr })
      t.equal(server.accepted.size, 0)
      t.ok(files(storageDirectory).length > 0)

      server.script = () => 200
      const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, worker, timing: SOON })
      t.teardown(() => delivery.close(100))
      log('next')
      const expected = rows + 1
      t.ok(await until(() => server.accepted.size === expected, 20_000), `${server.accepted.size} of ${expected}`)
      t.same(server.duplicates(), [])
    })
  }
}

t.test('a worker never gets to start: the main thread writes the batches itself', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const storageDirectory = temporary(t)
  const ended = await run(t, 'endings', { connectionString: server.connectionString, storageDirectory, ending: 'ends by itself', drain: { exit: 1 } })
  t.match(ended, { code: 0, stderr: '' })
  t.equal(server.accepted.size, 0)

  const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: SOON })
  t.teardown(() => delivery.close(100))
  log('next')
  t.ok(await until(() => server.accepted.size === 201, 20_000), `${server.accepted.size} of 201`)
  t.match(server.envelopes.find(each => each.data.baseData.properties?.id === 'l7')?.tags, { 'ai.cloud.role': 'shop' })
})

t.test('close() with less time than the worker needs to start: rows are stored and counted as such', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const storageDirectory = temporary(t)
  const ended = await run(t, 'closes-at-once', { connectionString: server.connectionString, storageDirectory })
  t.match(ended, { code: 0, stderr: '' })
  const { report, took, lag } = JSON.parse(ended.stdout)
  t.ok(took < 501 + lag, `${took} ms`)
  t.equal(report.sent + report.spooled + report.lost, 200)
  t.equal(report.lost, 0)
  const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: SOON })
  t.teardown(() => delivery.close(100))
  log('next')
  t.ok(await until(() => server.accepted.size === 201, 20_000), `${server.accepted.size} of 201`)
  t.same(server.duplicates(), [])
})

t.test('close() while the worker is stuck on its disk: the main thread stores what the worker was working on', async t => {
  const server = await ingestion(() => 'hang')
  t.teardown(server.close)
  const storageDirectory = temporary(t)
  const ended = await run(t, 'stuck-worker', { connectionString: server.connectionString, storageDirectory })
  t.match(ended, { code: 0, stderr: '' })
  t.same(JSON.parse(ended.stdout), { sent: 0, spooled: 100, lost: 0 })
  server.script = () => 200
  const { delivery, log } = produce({ connectionString: server.connectionString, storageDirectory, timing: SOON })
  t.teardown(async () => await delivery.close(100))
  log('next')
  t.ok(await until(() => server.accepted.size === 101, 20_000), `${server.accepted.size} of 101`)
})

for (const where of ['nowhere', 'in a directory that cannot be written to'] as const) {
  t.test(`what can be stored ${where} has all of close()'s time to be sent`, async t => {
    const server = await ingestion(() => 503)
    t.teardown(server.close)
    const file = join(temporary(t), 'a-file')
    writeFileSync(file, '')
    const { delivery, ids, log } = produce({ connectionString: server.connectionString, storageDirectory: where === 'nowhere' ? false : file, timing: QUICK })
    for (let n = 0; n < 100; n++) log(`l${n}`)
    // It takes three failures to detect an outage.
    t.ok(await until(() => server.posts.length > 3, 15_000))
    const failures = server.posts.length
    server.script = ({ number }) => number < failures + 4 ? 503 : 200
    t.same(await delivery.close(10_000), { sent: 100, spooled: 0, lost: 0 })
    t.same(ids.filter(id => server.accepted.get(id) !== 1), [])
  })
}

t.test("the worker doesn't keep the process alive", async t => {
  const server = await ingestion(() => 'hang')
  t.teardown(server.close)
  // run() kills a program that doesn't end.
  const ended = await run(t, 'waits-a-second', { connectionString: server.connectionString })
  t.match(ended, { code: 0, stderr: '' })
})
