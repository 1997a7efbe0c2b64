import { readdirSync } from 'node:fs'
import t from 'tap'
import { ingestion } from '../fixtures/ingestion'
import { run } from '../fixtures/process'
import { produce, QUICK, sums, temporary, until } from '../fixtures/telemetry'

t.test('200 instances opened and closed in one process leave no threads, handles, listeners or memory behind', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  for (const [worker, times] of [[true, 200], [false, 60]] as const) {
    const ended = await run(t, 'opens-and-closes-often', { connectionString: server.connectionString, worker, times, storageDirectory: temporary(t) }, { NODE_OPTIONS: '--expose-gc' })
    t.match(ended, { code: 0, stderr: '' })
    const { before, after, sent, first, average } = JSON.parse(ended.stdout)
    t.equal(sent, times * 20)
    t.ok(after[0] <= before[0], `threads ${before[0]} → ${after[0]}`)
    t.ok(after[1] <= before[1], `handles ${before[1]} → ${after[1]}`)
    t.equal(after[2], before[2], 'listeners')
    t.ok(after[3] - before[3] < 60, `memory ${before[3]} → ${after[3]} MB`)
    t.ok(average < first, `${average} ms each, ${first} ms for the first: what it loads is kept for the next`)
  }
  t.same(server.duplicates(), [])
})

t.test('overload: memory stays bounded, and every item is accounted for', async t => {
  const server = await ingestion()
  server.latency = 20
  t.teardown(server.close)
  const ended = await run(t, 'overload', { connectionString: server.connectionString, maxQueueSize: 20_000 })
  t.match(ended, { code: 0, stderr: '' })
  const { before, peak, n, sent, spooled, lost, stats } = JSON.parse(ended.stdout)
  t.comment({ before, peak, n, sent, lost })
  t.ok(peak - before < 250, `${Math.round(before)} → ${Math.round(peak)} MB`)
  t.ok(stats.dropped.queueFull > 0)
  t.equal(sent + spooled + lost, n)
  t.equal(server.accepted.size, sent)
})

t.test('full load with an ingestion latency of 150 ms: everything is delivered or accounted for', async t => {
  const server = await ingestion()
  server.latency = 150
  t.teardown(server.close)
  const { delivery, ids, request } = produce({ connectionString: server.connectionString })
  const end = Date.now() + 4_000
  for (let n = 0; Date.now() < end;) {
    for (let more = 0; more < 30; more++) request(`r${n++}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  const report = await delivery.flush(20_000)
  t.match(report, { sent: ids.length, spooled: 0, lost: 0, pending: 0 })
  t.equal(server.accepted.size, ids.length, `${ids.length} items`)
  t.same(server.duplicates(), [])
  await delivery.close(1_000)
})

t.test('when the queue is nearly full, the last tenth is reserved for requests and failures', async t => {
  const server = await ingestion(() => 'hang')
  t.teardown(server.close)
  const { delivery, log, error } = produce({ connectionString: server.connectionString, maxQueueSize: 1_000 })
  for (let n = 0; n < 2_000; n++) log(`l${n}`)
  for (let n = 0; n < 50; n++) error(`e${n}`)
  t.match(delivery.stats(), { traces: { recorded: 2_000, queued: 900, dropped: { queueFull: 1_100 } }, exceptions: { recorded: 50, queued: 50, dropped: {} } })
  t.same(sums(delivery.stats()).map(([recorded, sum]) => recorded - sum), [0, 0, 0, 0, 0, 0])
  t.match(await delivery.close(200), { sent: 0, lost: 2_050 })
})

t.test('a worker that dies is replaced: what it held is counted, and later rows are delivered', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const ended = await run(t, 'terminated-workers', { connectionString: server.connectionString, timing: QUICK, situation: 'rows before and after' })
  t.match(ended, { code: 0, stderr: '' })
  const { flushed, stats, workers } = JSON.parse(ended.stdout)
  t.equal(workers, 2)
  t.equal(flushed.pending, 0)
  t.equal(flushed.sent + flushed.lost, 151)
  t.equal(server.accepted.size, flushed.sent)
  t.match(stats.lastError.message, /worker thread died/)
})

t.test('if no worker can be started, delivery continues in-process', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const ended = await run(t, 'worker-file-missing', { connectionString: server.connectionString })
  t.match(ended, { code: 0, stderr: '' })
  t.match(JSON.parse(ended.stdout), { sent: 10, lost: 0 })
})

t.test("items that can't be packed or exported are counted, and don't affect others", async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const ended = await run(t, 'odd-items', { connectionString: server.connectionString })
  t.match(ended, { code: 0, stderr: '' })
  const [flushed, stats] = JSON.parse(ended.stdout)
  t.same(flushed, { sent: 17, spooled: 0, lost: 2, pending: 0 })
  t.match(stats.dependencies, { recorded: 3, delivered: 1, dropped: { unmapped: 1, unpackable: 1 } })
  t.match(stats.exceptions, { recorded: 1, delivered: 1 })
  t.equal(server.envelopes.find(each => each.data.baseData.properties?.id === 'odd8')?.data.baseData.properties?.value, '["a","b"]')
  t.equal(server.envelopes.find(each => each.data.baseData.properties?.id === 'odd4')?.data.baseData.properties?.value, 'NaN')
})

t.test('an app that sends nothing starts nothing and creates no directory', async t => {
  const storageDirectory = temporary(t)
  const ended = await run(t, 'sends-nothing', { connectionString: 'InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=http://127.0.0.1:9/', storageDirectory })
  const [report, loaded] = JSON.parse(ended.stdout)
  t.match(ended, { code: 0, stderr: '' })
  t.same(report, { sent: 0, spooled: 0, lost: 0 })
  t.same(loaded, [])
  t.same(readdirSync(storageDirectory), [])
})

t.test('the worker thread does not load undici, which the exporter would make it do', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const ended = await run(t, 'loads-little', { connectionString: server.connectionString })
  t.match(ended, { code: 0, stderr: '' })
  t.same(JSON.parse(ended.stdout), [1, false])
})

t.test('metrics', async t => {
  const { MeterProvider, MetricReader, AggregationTemporality } = await import('@opentelemetry/sdk-metrics')
  const server = await ingestion()
  t.teardown(server.close)
  const { delivery } = produce({ connectionString: server.connectionString })
  t.teardown(() => delivery.close(100))
  const reader = new class extends MetricReader {
    constructor () { super({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA }) }
    async onShutdown (): Promise<void> {}
    async onForceFlush (): Promise<void> {}
  }()
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test')
  meter.createCounter('orders').add(3, { shop: 'a' })
  meter.createCounter('orders').add(4, { shop: 'b' })
  meter.createHistogram('seconds').record(5)
  delivery.metrics((await reader.collect()).resourceMetrics)
  await delivery.flush()
  t.match(delivery.stats().customMetrics, { recorded: 3, delivered: 3 })
  t.match(server.envelopes.map(each => each.data.baseData), [
    { metrics: [{ name: 'orders', value: 3 }], properties: { shop: 'a' } },
    { metrics: [{ name: 'orders', value: 4 }], properties: { shop: 'b' } },
    { metrics: [{ name: 'seconds', value: 5, count: 1, min: 5, max: 5 }] }
  ])
})

t.test('two instances share a thread, but have their own role and counts', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  const one = produce({ connectionString: server.connectionString, timing: QUICK })
  const two = produce({ connectionString: server.connectionString, timing: QUICK })
  one.log('a')
  two.log('b')
  two.log('c')
  t.match(await one.delivery.close(5_000), { sent: 1, lost: 0 })
  two.log('d')
  t.ok(await until(() => server.accepted.size === 4, 15_000))
  t.match(await two.delivery.close(5_000), { sent: 3, lost: 0 })
})
