/** Endpoints, proxies and exporters that misbehave. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { ingestion, KEY } from '../fixtures/ingestion'
import { run } from '../fixtures/process'
import { produce, IMPATIENT, QUICK, sums, temporary, until } from '../fixtures/telemetry'

t.jobs = 3

interface Raw { connectionString: string, posts: number, rows: Map<string, number> }

/** An endpoint with hand-written answers: `take` counts a post's rows as arrived. */
async function raw (t: Test, answer: (post: { number: number, take: () => void, request: IncomingMessage, response: ServerResponse }) => void): Promise<Raw> {
  const rows = new Map<string, number>()
  const self: Raw = { connectionString: '', posts: 0, rows }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => {})
    request.on('end', () => {
      const items = JSON.parse(Buffer.concat(chunks).toString()) as Array<{ data: { baseData: { properties: { id: string } } } }>
      const take = (): void => { for (const { data } of items) rows.set(data.baseData.properties.id, (rows.get(data.baseData.properties.id) ?? 0) + 1) }
      answer({ number: ++self.posts, take, request, response })
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  self.connectionString = `InstrumentationKey=${KEY};IngestionEndpoint=http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return self
}

for (const worker of [true, false]) {
  const kind = worker ? 'worker' : 'in-process'

  t.test(`${kind}: a timeout on a reused connection: each attempt is one post, is counted, and its rows arrive once`, async t => {
    const server = await raw(t, ({ number, take, response }) => {
      // The second post is never answered; the third is cut off on the reused connection.
      if (number === 2) return
      if (number === 3) return response.socket!.destroy()
      take()
      response.end('{}')
    })
    const rejections: unknown[] = []
    const listener = (error: unknown): void => { rejections.push(error) }
    process.on('unhandledRejection', listener)
    t.teardown(() => { process.off('unhandledRejection', listener) })
    const { delivery, log } = produce({ connectionString: server.connectionString, worker, timing: IMPATIENT })
    t.teardown(async () => await delivery.close(100))
    log('one')
    t.match(await delivery.flush(15_000), { sent: 1 })
    log('two')
    t.ok(await until(() => delivery.stats().traces.delivered === 2, 20_000))
    t.same([...server.rows], [['one', 1], ['two', 1]])
    t.equal(server.posts, 4)
    t.equal(delivery.stats().traces.retried, 2)
    t.same(rejections, [])
  })

  for (const [what, finish] of Object.entries<(response: ServerResponse) => void>({
    'breaks off': response => { setTimeout(() => response.socket!.destroy(), 20) },
    'never ends': () => {},
    'comes in drips': response => {
      const timer = setInterval(() => response.write(' '), 100)
      response.on('close', () => clearInterval(timer))
    },
    'is no JSON': response => { response.end('<html>') }
  })) {
    t.test(`${kind}: on 200 the rows are accepted, even if the text of the answer ${what}`, async t => {
      const server = await raw(t, ({ take, response }) => {
        take()
        response.writeHead(200)
        response.write('{"itemsReceived":')
        finish(response)
      })
      const { delivery, log } = produce({ connectionString: server.connectionString, worker, timing: QUICK })
      t.teardown(async () => await delivery.close(100))
      log('one')
      t.match(await delivery.flush(15_000), { sent: 1, pending: 0 })
      t.same([...server.rows], [['one', 1]])
    })
  }

  t.test(`${kind}: a web page isn't an answer of ingestion, whatever its status: the rows wait, one warning says so, and they are sent afterwards`, async t => {
    const server = await raw(t, ({ number, take, response }) => {
      if (number > 2) take()
      response.end(number > 2 ? '{}' : '\n<!doctype html><title>Sign in to the network</title>')
    })
    const { delivery, log, warnings } = produce({ connectionString: server.connectionString, worker, timing: QUICK })
    t.teardown(async () => await delivery.close(100))
    log('one')
    t.ok(await until(() => delivery.stats().traces.delivered === 1, 20_000))
    t.same([...server.rows], [['one', 1]])
    t.match(warnings, [/cannot be used: HTTP 200 with a web page/])
  })

  for (const body of ['<html>', '{"itemsReceived":1,"itemsAcc', '{"itemsReceived":1,"itemsAccepted":0,"errors":[]}', '[]', '{"errors":[null]}', '{"errors":[{"index":"0"}],"itemsReceived":1,"itemsAccepted":0}']) {
    t.test(`${kind}: a 206 that doesn't say which rows it rejected (${body}): they are sent again`, async t => {
      const server = await raw(t, ({ number, take, response }) => {
        const isRefused = number === 1 && body !== '{"errors":[null]}'
        if (!isRefused) take()
        response.writeHead(isRefused ? 206 : number === 1 ? 206 : 200)
        response.end(number === 1 ? body : '{}')
      })
      const { delivery, log } = produce({ connectionString: server.connectionString, worker, timing: QUICK })
      t.teardown(async () => await delivery.close(100))
      log('one')
      t.match(await delivery.flush(15_000), { sent: 1, pending: 0 })
      t.same([...server.rows], [['one', 1]])
    })
  }

  t.test(`${kind}: an exporter that can't be loaded counts as an outage: rows wait on disk, lastError says why, and they are sent once it loads`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    const options = { connectionString: server.connectionString, worker, storageDirectory: temporary(t), timing: QUICK }
    const ended = await run(t, 'exporter-missing', options)
    t.match(ended, { code: 0, stderr: '' })
    const stats = JSON.parse(ended.stdout)
    t.match(stats, { traces: { recorded: 2, spooled: 2, dropped: {} }, lastError: { message: '@azure/monitor-opentelemetry-exporter cannot be loaded: MODULE_NOT_FOUND' } })
    const { delivery, log } = produce(options)
    t.teardown(async () => await delivery.close(100))
    log('next')
    t.ok(await until(() => server.accepted.size === 3, 20_000))
    t.same(server.duplicates(), [])
  })

  for (const proxy of ['socks5://127.0.0.1:1', 'http://user:pass word@[', '127.0.0.1:notaport']) {
    t.test(`${kind}: an unusable proxy (${proxy}) loses nothing, and is reported without its password`, async t => {
      const ended = await run(t, 'unusable-proxy', { connectionString: `InstrumentationKey=${KEY};IngestionEndpoint=https://ingest.example.test/`, worker, timing: QUICK }, { HTTPS_PROXY: proxy })
      t.match(ended, { code: 0, stderr: '' })
      const [flushed, message] = JSON.parse(ended.stdout)
      t.match(flushed, { lost: 0, pending: 1 })
      t.match(message, /proxy.*(?:not supported|not a valid URL)/)
      t.notMatch(message, 'pass')
    })
  }
}

for (const [clock, start] of [['2020', Date.UTC(2020, 0, 1)], ['2035', Date.UTC(2035, 0, 1)]] as const) {
  for (const worker of [true, false]) {
    for (const mocked of [['Date'], ['Date', 'setTimeout', 'setInterval', 'setImmediate']]) {
      t.test(`${worker ? 'worker' : 'in-process'}: with ${mocked.length === 1 ? 'Date' : 'Date and the timers'} mocked to ${clock}, flush() still sends, even after an outage`, async t => {
        const server = await ingestion()
        t.teardown(server.close)
        const ended = await run(t, 'mocked-clock', { connectionString: server.connectionString, worker, storageDirectory: temporary(t), timing: QUICK, mocked, startOfClock: start })
        t.match(ended, { code: 0 })
        const [first, last, closed] = JSON.parse(ended.stdout)
        t.match([first, last, closed], [{ sent: 1, pending: 0 }, { sent: 3, pending: 0 }, { sent: 3, lost: 0 }])
        t.match(server.envelopes[0]?.time, String(clock), 'a row keeps the time that the app sees')
      })
    }
  }
}

t.test("a clock set back an hour during an outage doesn't stop delivery", async t => {
  const server = await ingestion(() => 503)
  t.teardown(server.close)
  const { delivery, log } = produce({ connectionString: server.connectionString, worker: false, storageDirectory: temporary(t), timing: QUICK })
  t.teardown(async () => await delivery.close(100))
  log('one')
  t.ok(await until(() => server.posts.length >= 4, 20_000))
  const { now } = Date
  Date.now = () => now() - 3_600_000
  t.teardown(() => { Date.now = now })
  server.script = () => 200
  const started = process.hrtime.bigint()
  while (server.accepted.size === 0 && process.hrtime.bigint() - started < 20_000_000_000n) await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(server.accepted.size, 1)
  t.same(sums(delivery.stats()).map(([recorded, sum]) => recorded - sum), [0, 0, 0, 0, 0, 0])
})

for (const [audience, scope] of [
  ['', 'https://monitor.azure.com/.default'],
  [';AADAudience=https://monitor.azure.us', 'https://monitor.azure.us/.default'],
  [';AADAudience=https://monitor.azure.cn/', 'https://monitor.azure.cn/.default'],
  [';AADAudience=api://own/.default', 'api://own/.default']
] as const) {
  t.test(`the scope of the token is ${scope}`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    const asked: unknown[] = []
    const credential = {
      async getToken (scopes: string | string[]) {
        asked.push(scopes)
        return { token: 't', expiresOnTimestamp: Date.now() + 3_600_000 }
      }
    }
    const { delivery, log } = produce({ connectionString: server.connectionString + audience, credential, timing: QUICK })
    t.teardown(async () => await delivery.close(100))
    log('one')
    t.match(await delivery.flush(15_000), { sent: 1 })
    t.same(asked, [scope])
  })
}
