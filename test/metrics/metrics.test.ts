import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { Emulator, RowOf } from 'fastify-app-insights/emulator'
import t from 'tap'
import { ingestion } from '../fixtures/ingestion'
import { type Started, start } from '../fixtures/start'

type MetricRow = RowOf<'metric'>

function metrics (emulator: Emulator, name: string): MetricRow[] {
  return emulator.items({ type: 'metric', name })
}

function counted (rows: MetricRow[]): number {
  return rows.reduce((sum, row) => sum + row.valueCount, 0)
}

async function many ({ app }: Started, path: string, total: number): Promise<void> {
  for (let sent = 0; sent < total; sent += 50) await Promise.all(Array.from({ length: 50 }, async () => await app.inject(path)))
}

t.test('with a ratio of 0.1 the standard metrics count every request, and the rows stand for as many', async t => {
  const started = await start(t, {
    options: { samplingRatio: 0.1, serviceName: 'shop' },
    routes: app => {
      app.get('/fine', async () => 'fine')
      app.get('/broken', async () => { throw new Error('broken') })
    }
  })
  const { app, emulator } = started
  await many(started, '/fine', 4_500)
  await many(started, '/broken', 500)
  await app.close()

  const rows = metrics(emulator, 'requests/duration')
  t.equal(counted(rows), 5_000)
  const instance = emulator.items({ type: 'request' })[0]!.cloud_RoleInstance!
  const common = { '_MS.MetricId': 'requests/duration', '_MS.IsAutocollected': 'True', 'cloud/roleName': 'shop', 'cloud/roleInstance': instance }
  t.match(rows.map(({ customDimensions, valueCount }) => [customDimensions, valueCount]), [
    [{ ...common, 'Request.Success': 'True', 'request/resultCode': '200' }, 4_500],
    [{ ...common, 'Request.Success': 'False', 'request/resultCode': '500' }, 500]
  ])
  for (const row of rows) {
    t.ok(row.valueMin! > 0 && row.valueMin! <= row.valueSum / row.valueCount && row.valueSum / row.valueCount <= row.valueMax!, 'milliseconds')
    t.match(row, { cloud_RoleName: 'shop', cloud_RoleInstance: instance, itemCount: 1 })
  }
  t.match(metrics(emulator, 'http.server.request.duration').map(({ customDimensions, valueCount }) => [customDimensions, valueCount]), [
    [{ 'http.request.method': 'GET', 'http.route': '/fine', 'http.response.status_code': '200', 'url.scheme': 'http' }, 4_500],
    [{ 'http.request.method': 'GET', 'http.route': '/broken', 'http.response.status_code': '500', 'error.type': '500' }, 500]
  ])

  const requests = emulator.items({ type: 'request' })
  const stoodFor = requests.reduce((sum, row) => sum + row.itemCount, 0)
  // Five standard deviations: each row of 10 % stands for 10, so that is 10 * sqrt(5000 * 0.1 * 0.9).
  t.ok(Math.abs(stoodFor - 5_000) < 5 * 213, `the rows stand for ${stoodFor}`)
  t.ok(requests.every(row => row.customDimensions['_MS.ProcessedByMetricExtractors'] === "(Name:'Requests', Ver:'1.1')"), 'Azure is told not to count them again')
  const exceptions = emulator.items({ type: 'exception' })
  t.ok(exceptions.every(row => row.itemCount === 10 && row.customDimensions['_MS.ProcessedByMetricExtractors'] === "(Name:'Exceptions', Ver:'1.1')"))
  t.equal(metrics(emulator, 'exceptions/count')[0]!.value, exceptions.length * 10)
})

t.test('calls are counted, with their targets, also those of operations that are sampled out', async t => {
  const callee = createServer((_request, response) => response.end('fine')).listen(0, '127.0.0.1')
  await once(callee, 'listening')
  t.teardown(() => {
    callee.closeAllConnections()
    callee.close()
  })
  const { port } = callee.address() as AddressInfo
  for (const samplingRatio of [1, 0]) {
    const { send, app, emulator } = await start(t, {
      options: { samplingRatio },
      routes: app => { app.get('/work', async () => await (await fetch(`http://127.0.0.1:${port}/inner`)).text()) }
    })
    await send('/work')
    await send('/work')
    await app.close()
    t.match(metrics(emulator, 'dependencies/duration'), [{
      valueCount: 2,
      customDimensions: {
        '_MS.MetricId': 'dependencies/duration',
        '_MS.IsAutocollected': 'True',
        'Dependency.Type': 'Http',
        'dependency/target': `127.0.0.1:${port}`,
        'Dependency.Success': 'True',
        'dependency/resultCode': '200'
      }
    }])
    const rows = emulator.items({ type: 'dependency' })
    t.equal(rows.length, samplingRatio * 2)
    for (const row of rows) t.equal(row.customDimensions['_MS.ProcessedByMetricExtractors'], "(Name:'Dependencies', Ver:'1.1')")
  }
})

t.test('what is ignored is not counted; what has no route and what a robot asks for is told apart', async t => {
  const { send, app, emulator } = await start(t, {
    options: { ignore: ['/health'] },
    routes: app => {
      app.get('/health', async () => 'fine')
      app.get('/silent', { config: { appInsights: false } }, async () => 'fine')
      app.get('/page', async () => 'fine')
    }
  })
  await send('/health')
  await send('/silent')
  await send('/wp-login.php')
  await send('/page', { headers: { 'user-agent': 'AlwaysOn' } })
  await app.close()
  t.match(metrics(emulator, 'requests/duration').map(row => [row.valueCount, row.customDimensions['request/resultCode'], row.customDimensions['operation/synthetic']]), [
    [1, '404', undefined], [1, '200', 'True']
  ])
  t.match(metrics(emulator, 'http.server.request.duration').map(row => row.customDimensions['http.route']), ['(unmatched)', '/page'])
  t.match(await emulator.waitFor({ type: 'request', name: 'GET /page' }), { operation_SyntheticSource: 'True' })
})

t.test('the process and delivery are told, once an interval, and the process may end', async t => {
  const { send, app, emulator } = await start(t, { options: { metrics: { interval: 200 } }, routes: app => { app.get('/', async () => 'fine') } })
  await send('/')
  for (const name of ['nodejs.eventloop.utilization', 'nodejs.eventloop.delay.p99', 'v8js.memory.heap.used', 'v8js.memory.heap.limit']) {
    const row = await emulator.waitFor({ type: 'metric', name })
    t.ok(row.value >= 0, `${name} ${row.value}`)
  }
  for (const counter of ['Private Bytes', '% Processor Time', '% Processor Time Normalized', 'Available Bytes', 'Requests/Sec', '# of Exceps Thrown / sec']) {
    t.ok(await emulator.waitFor(row => row.type === 'performanceCounter' && row.name!.endsWith(`\\${counter}`)), counter)
  }
  const sent = await emulator.waitFor(row => row.name === 'fastify_app_insights.rows.sent' && row.value! > 0)
  t.ok(sent)
  await emulator.waitFor({ type: 'metric', name: 'nodejs.eventloop.utilization' }, { count: 3 })
  await app.close()
  const { length } = emulator.items()
  await pause(450)
  t.equal(emulator.items().length, length, 'nothing after close')
})

t.test('rates are of the time that has passed, whatever the system clock was set to', async t => {
  const { send, app, emulator } = await start(t, { routes: app => { app.get('/', async () => 'fine') } })
  const began = performance.now()
  for (let i = 0; i < 3; i++) await send('/')
  const { now } = Date
  const seconds = (performance.now() - began) / 1_000
  t.capture(Date, 'now', () => now() - 3_600_000)
  await app.appInsights.flush()
  const rate = emulator.items(row => row.type === 'performanceCounter' && row.name!.endsWith('\\Requests/Sec')).reduce((sum, { value }) => sum + value!, 0)
  t.ok(rate > 0 && rate <= 3 / seconds, `${rate} requests/s`)
})

t.test('trackMetric aggregates by name and properties', async t => {
  const { app, emulator } = await start(t)
  for (const [price, currency] of [[1, 'EUR'], [3, 'EUR'], [8, 'GBP']] as const) app.appInsights.trackMetric('price', price, { currency })
  app.appInsights.trackMetric('price', 5)
  app.appInsights.trackMetric('price', NaN)
  await app.appInsights.flush()
  const rows = metrics(emulator, 'price')
  t.match(rows.map(row => [row.customDimensions.currency, row.valueCount, row.valueSum, row.valueMin, row.valueMax]), [
    ['EUR', 2, 4, 1, 3], ['GBP', 1, 8, 8, 8], [undefined, 1, 5, 5, 5]
  ])
  for (let i = 0; i < 3_000; i++) app.appInsights.trackMetric('hostile', 1, { id: i })
  for (let i = 0; i < 3_000; i++) app.appInsights.trackMetric(`hostile ${i}`, 1)
  await app.appInsights.flush()
  const hostile = metrics(emulator, 'hostile')
  t.equal(hostile.length, 2_001)
  t.match(hostile.at(-1), { valueCount: 1_000, customDimensions: { 'otel.metric.overflow': 'true' } })
  t.ok(emulator.items(row => row.name?.startsWith('hostile ') === true).length < 500)
})

t.test("the app's own instruments are sent with the others", async t => {
  const { app, emulator } = await start(t, { options: { serviceName: 'shop' } })
  const { meter } = app.appInsights
  const orders = meter.createCounter('orders')
  meter.createObservableGauge('queue').addCallback(result => result.observe(7, { queue: 'mail' }))
  orders.add(2, { kind: 'book' })
  orders.add(3, { kind: 'book' })
  await app.appInsights.flush()
  t.match(metrics(emulator, 'orders'), [{ value: 5, customDimensions: { kind: 'book' }, cloud_RoleName: 'shop' }])
  t.match(metrics(emulator, 'queue'), [{ value: 7, customDimensions: { queue: 'mail' } }])
  orders.add(4, { kind: 'book' })
  await app.close()
  t.match(metrics(emulator, 'orders').map(({ value }) => value), [5, 4], 'what came since the last time')
})

t.test('an instrument that never answers does not hold up close', async t => {
  // An emulator of its own: what close() had no time for is sent later, and would be the next test's.
  const { app } = await start(t, { emulator: {}, options: { closeTimeout: 300 } })
  app.appInsights.meter.createObservableGauge('stuck').addCallback(async () => await new Promise(() => {}))
  // Otherwise this would never return.
  await app.close()
})

t.test('an instrument that never answers does not make close take longer where the endpoint does not answer either', async t => {
  const server = await ingestion(() => 'hang')
  t.teardown(server.close)
  const { app, send } = await start(t, {
    emulator: {},
    options: { connectionString: server.connectionString, closeTimeout: 2_000, storageDirectory: false },
    routes: app => { app.get('/', async () => 'fine') }
  })
  app.appInsights.meter.createObservableGauge('stuck').addCallback(async () => await new Promise(() => {}))
  await send('/')
  const lag = monitorEventLoopDelay({ resolution: 10 })
  lag.enable()
  const began = performance.now()
  await app.close()
  const took = performance.now() - began
  lag.disable()
  // Pauses of the machine itself are not close()'s fault.
  t.ok(took < 3_000 + lag.max / 1e6, `${took} ms, with a pause of ${Math.round(lag.max / 1e6)} ms`)
})

t.test('metrics: false sends none, and marks no rows', async t => {
  const { send, app, emulator } = await start(t, { options: { metrics: false }, routes: app => { app.get('/', async () => 'fine') } })
  await send('/')
  app.appInsights.trackMetric('price', 1)
  app.appInsights.meter.createCounter('orders').add(1)
  await app.close()
  t.strictSame(emulator.items(row => row.type === 'metric' || row.type === 'performanceCounter'), [])
  t.notOk('_MS.ProcessedByMetricExtractors' in emulator.items({ type: 'request' })[0]!.customDimensions)
})

t.test('metrics.runtime: false leaves the process out', async t => {
  const { send, app, emulator } = await start(t, { options: { metrics: { runtime: false } }, routes: app => { app.get('/', async () => 'fine') } })
  await send('/')
  await app.close()
  t.equal(counted(metrics(emulator, 'requests/duration')), 1)
  t.equal(metrics(emulator, 'nodejs.eventloop.utilization').length, 0)
  t.equal(emulator.items({ type: 'performanceCounter' }).length, 0)
})
