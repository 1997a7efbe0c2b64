import t from 'tap'
import { ingestion, type Script } from '../fixtures/ingestion'
import { produce, IMPATIENT, QUICK, sums, temporary, until } from '../fixtures/telemetry'

t.jobs = 3

/** Records requests at a steady rate for a while. */
async function load (request: (id: string) => void, perSecond: number, milliseconds: number): Promise<void> {
  const start = Date.now()
  for (let sent = 0, past = 0; past < milliseconds; past = Date.now() - start) {
    for (; sent < past / 1000 * perSecond; sent++) request(`r${start}-${sent}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const outages: Record<string, Script> = {
  'answers 503': () => 503,
  'accepts and never answers': () => 'hang',
  'answers 500, 408 and 502 in turn': ({ number }) => [500, 408, 502][number % 3]
}

const ANY = { items: [], headers: {}, at: 0, number: 0 }

for (const [what, script] of Object.entries(outages)) {
  for (const disk of [true, false]) {
    t.test(`an endpoint that ${what}, ${disk ? 'with' : 'without'} a disk: everything is delivered after recovery, nothing twice`, async t => {
      const server = await ingestion()
      t.teardown(server.close)
      const { delivery, ids, request } = produce({ connectionString: server.connectionString, storageDirectory: disk ? temporary(t) : false, timing: script(ANY) === 'hang' ? IMPATIENT : QUICK })
      t.teardown(() => delivery.close(100))
      await load(request, 300, 500)
      server.script = script
      await load(request, 300, 3_000)
      t.ok(await until(() => delivery.stats().lastError !== null, 20_000))
      if (disk) t.ok(await until(() => delivery.stats().requests.spooled > 0, 20_000), 'batches are on disk')
      t.same(sums(delivery.stats()).map(([recorded, sum]) => recorded - sum), [0, 0, 0, 0, 0, 0])
      server.script = () => 200
      await load(request, 300, 500)
      t.ok(await until(() => server.accepted.size === ids.length, 30_000), 'all are delivered')
      t.same(server.duplicates(), [])
      await delivery.flush(5_000)
      t.match(delivery.stats(), { requests: { delivered: ids.length / 2, spooled: 0, queued: 0, inFlight: 0, dropped: {} } })
    })
  }
}

t.test('connections refused: everything is delivered after recovery, nothing twice', async t => {
  const first = await ingestion()
  const { port, connectionString } = first
  const { delivery, ids, request } = produce({ connectionString, storageDirectory: temporary(t), timing: QUICK })
  t.teardown(() => delivery.close(100))
  await load(request, 300, 300)
  await delivery.flush(5_000)
  await first.close()
  await load(request, 300, 2_000)
  const second = await ingestion(() => 200, port)
  t.teardown(second.close)
  t.ok(await until(() => first.accepted.size + second.accepted.size === ids.length, 15_000), 'all are delivered')
  t.same(second.duplicates(), [])
  t.match(delivery.stats().lastError?.message, /ECONNREFUSED|ECONNRESET|hang up/)
})

t.test('429 with Retry-After: no request before the time is up, then everything is delivered', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  let refusedAt = 0
  server.script = () => {
    if (refusedAt > 0) return 200
    refusedAt = Date.now()
    return { status: 429, headers: { 'retry-after': '2' } }
  }
  const { delivery, ids, request } = produce({ connectionString: server.connectionString, storageDirectory: temporary(t), timing: QUICK })
  t.teardown(() => delivery.close(100))
  request('first')
  t.ok(await until(() => refusedAt > 0, 15_000))
  // Its answer is already on the way.
  await new Promise(resolve => setTimeout(resolve, 100))
  await load(request, 200, 1_000)
  t.equal(server.posts.length, 1)
  t.ok(await until(() => server.accepted.size === ids.length, 10_000), 'all are delivered')
  t.ok(server.posts[1].at - refusedAt >= 2_000)
  t.same(server.duplicates(), [])
})

t.test('Retry-After as a date', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  let until200 = 0
  server.script = () => {
    if (until200 > 0) return 200
    until200 = Math.ceil((Date.now() + 1_500) / 1_000) * 1_000
    return { status: 503, headers: { 'retry-after': new Date(until200).toUTCString() } }
  }
  const { delivery, request } = produce({ connectionString: server.connectionString, timing: QUICK })
  t.teardown(() => delivery.close(100))
  request('one')
  t.ok(await until(() => server.accepted.size === 2, 10_000))
  t.ok(server.posts[1].at >= until200 - 5)
})

t.test('206 with every third item temporarily rejected: everything is delivered, nothing twice', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  server.script = ({ items, number }) => {
    if (number > 2) return 200
    const refused = items.map((_, index) => index).filter(index => index % 3 === 0)
    return {
      status: 206,
      body: { itemsReceived: items.length, itemsAccepted: items.length - refused.length, errors: refused.map(index => ({ index, statusCode: 503, message: 'busy' })) },
      accept: (_, index) => index % 3 !== 0
    }
  }
  const { delivery, ids, request, error } = produce({ connectionString: server.connectionString, timing: QUICK })
  t.teardown(() => delivery.close(100))
  for (let n = 0; n < 200; n++) request(`r${n}`)
  error('e')
  t.match(await delivery.flush(10_000), { sent: ids.length, lost: 0, pending: 0 })
  t.equal(server.accepted.size, ids.length)
  t.same(server.duplicates(), [])
})

t.test('206: items rejected for good are counted by reason', async t => {
  const server = await ingestion(({ items }) => ({
    status: 206,
    body: {
      itemsReceived: items.length,
      itemsAccepted: items.length - 3,
      errors: [
        { index: 0, statusCode: 400, message: "109: Field 'name' is required" },
        { index: 1, statusCode: 206, message: 'Telemetry sampled out.' },
        { index: 2, statusCode: 402, message: 'Quota' }
      ]
    },
    accept: (_, index) => index > 2
  }))
  t.teardown(server.close)
  const { delivery, log } = produce({ connectionString: server.connectionString, timing: QUICK })
  t.teardown(() => delivery.close(100))
  for (let n = 0; n < 10; n++) log(`l${n}`)
  await delivery.flush(10_000)
  t.match(delivery.stats().traces, { recorded: 10, delivered: 7, dropped: { badRequest: 1, sampledByService: 1, quota: 1 } })
  t.equal(server.posts.length, 1)
})

for (const [status, reason] of [[400, 'badRequest'], [401, 'unauthorized'], [402, 'quota'], [403, 'forbidden'], [404, 'refused'], [439, 'quota']] as const) {
  t.test(`${status} is final: counted as ${reason}, sent once`, async t => {
    const server = await ingestion(() => ({ status, body: { itemsReceived: 1, itemsAccepted: 0, errors: [{ index: 0, statusCode: status, message: 'Invalid instrumentation key' }] } }))
    t.teardown(server.close)
    const { delivery, warnings, log } = produce({ connectionString: server.connectionString, storageDirectory: temporary(t), timing: QUICK })
    t.teardown(() => delivery.close(100))
    log('one')
    t.match(await delivery.flush(5_000), { sent: 0, spooled: 0, lost: 1, pending: 0 })
    t.match(delivery.stats(), { traces: { dropped: { [reason]: 1 } }, lastError: { message: new RegExp(String(status)) } })
    t.equal(server.posts.length, 1)
    t.ok(await until(() => warnings.length > 0, 15_000))
    t.match(warnings, [new RegExp(`1 rows dropped .*${reason} 1.*HTTP ${status}`)])
  })
}

t.test('413: split in half until it fits', async t => {
  const server = await ingestion(({ items }) => items.length > 10 ? 413 : 200)
  t.teardown(server.close)
  const { delivery, ids, log } = produce({ connectionString: server.connectionString, timing: QUICK })
  t.teardown(() => delivery.close(100))
  for (let n = 0; n < 100; n++) log(`l${n}`)
  t.match(await delivery.flush(10_000), { sent: 100, lost: 0 })
  t.equal(server.accepted.size, ids.length)
  t.same(server.duplicates(), [])
})

t.test('large items: bodies stay below the limit', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const { delivery, log } = produce({ connectionString: server.connectionString, timing: QUICK })
  t.teardown(() => delivery.close(100))
  for (let n = 0; n < 120; n++) log(`l${n}`, 'x'.repeat(40_000))
  t.match(await delivery.flush(10_000), { sent: 120, lost: 0 })
  t.ok(server.posts.every(post => Number(post.headers['content-length']) < 1_200_000))
})

t.test('gzip, keep-alive and concurrent requests', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  // Long enough to outweigh the CPU time of a busy machine.
  server.latency = 600
  const { delivery, ids, request } = produce({ connectionString: server.connectionString, timing: { ...QUICK, compress: true, chunk: 50 } })
  t.teardown(() => delivery.close(100))
  request('first')
  await delivery.flush(5_000)
  const start = Date.now()
  for (let n = 0; n < 1_000; n++) request(`r${n}`)
  await delivery.flush(10_000)
  t.equal(server.accepted.size, ids.length)
  t.equal(server.posts[5].headers['content-encoding'], 'gzip')
  t.ok(Date.now() - start < server.posts.length * server.latency / 2, `${server.posts.length} requests one after the other would take longer`)
})

t.test("compressed bodies have a request's rows close together, whatever else is in them", async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const posts: string[][] = []
  const { script } = server
  server.script = post => {
    posts.push(post.items.map(item => String((item.data.baseData.properties as { id: string }).id)))
    return script(post)
  }
  const { delivery, ids, request, log, error, dependency } = produce({ connectionString: server.connectionString, timing: { ...QUICK, compress: true } })
  t.teardown(() => delivery.close(100))
  for (let n = 0; n < 300; n++) {
    request(`r${n}`)
    if (n % 10 === 0) error(`e${n}`)
    if (n % 7 === 0) dependency(`d${n}`)
    if (n % 50 === 0) log(`l${n}`, '{"ver":1,"name":"Microsoft.ApplicationInsights.'.repeat(3) + '\u{1F600}')
  }
  t.match(await delivery.flush(10_000), { sent: ids.length, lost: 0 })
  t.same([...server.accepted.values()].filter(times => times !== 1), [])
  t.equal(server.accepted.size, ids.length)
  // In order of kind they would be hundreds of rows apart.
  const apart = posts.flatMap(rows => rows.filter(id => id.endsWith('-request')).map(id => Math.abs(rows.indexOf(id) - rows.indexOf(id.replace('-request', '-line')))))
  t.ok(Math.max(...posts.map(({ length }) => length)) > 200)
  t.ok(Math.max(...apart) < 64, `${Math.max(...apart)} rows apart`)
})
