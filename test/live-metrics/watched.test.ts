import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Emulator, LiveServer } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { start, type Started } from '../fixtures/start'
import { counter, total, until } from '../fixtures/live'

const REQUESTS = counter('Requests/Sec')
const FAILED = counter('Requests Failed/Sec')
const CALLS = counter('Dependency Calls/Sec')
const FAILED_CALLS = counter('Dependency Calls Failed/Sec')
const EXCEPTIONS = counter('Exceptions/Sec')

async function watched (emulator: Emulator): Promise<LiveServer> {
  await until('a post', () => emulator.live.servers.some(({ points }) => points.length > 0))
  return emulator.live.servers[0]
}

/** A service that answers whatever is asked for by its path. */
async function upstream (t: Test): Promise<string> {
  const server = createServer((request, response) => {
    response.statusCode = Number.parseInt(request.url?.slice(1) ?? '')
    response.end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => { server.close().closeAllConnections() })
  await new Promise(resolve => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function routes (other: string) {
  return (app: Started['app']): void => {
    app.get('/fine', async () => 'fine')
    app.get('/bad', async () => { throw new Error('it is bad: https://shop.example/?token=hunter2secret') })
    app.get('/orders/:id', async request => {
      request.appInsights.set('tenant', (request.params as { id: string }).id)
      request.log.info({ password: 'hunter2secret' }, 'looking for the order')
      await fetch(`${other}/200?sig=hunter2secret`)
      await fetch(`${other}/503`)
      app.appInsights.trackEvent('Ordered', { plan: 'gold' })
      return 'order'
    })
  }
}

for (const worker of [true, false]) {
  t.test(`somebody watches, ${worker ? 'worker' : 'no worker'}`, async t => {
    const other = await upstream(t)
    const { emulator, send } = await start(t, { options: { worker, serviceName: 'shop', logs: { redact: ['password'] } }, routes: routes(other) })
    emulator.live.watch()
    const server = await watched(emulator)
    t.match(server, { role: 'shop', invariantVersion: 5, version: /^node.*:fai/ })
    t.ok(server.streamId.length === 32 && server.instance.length > 0)
    for (let i = 0; i < 2; i++) await send(`/orders/${i}?token=hunter2secret`)
    for (let i = 0; i < 3; i++) await send('/bad')
    for (let i = 0; i < 10; i++) await send('/fine')
    await until('all requests', () => Math.round(total(server, REQUESTS)) >= 15 && Math.round(total(server, EXCEPTIONS)) >= 3)
    // By the emulator's clock, which hears of each post some milliseconds later.
    const near = (name: string, expected: number): void => { t.ok(Math.abs(total(server, name) - expected) < expected * 0.15, `${name}: ${total(server, name)}, not ${expected}`) }
    near(REQUESTS, 15)
    near(FAILED, 3)
    near(CALLS, 4)
    near(FAILED_CALLS, 2)
    near(EXCEPTIONS, 3)
    const busy = server.points.find(({ metrics }) => metrics['\\ApplicationInsights\\Request Duration'] > 0)
    t.ok(busy !== undefined)
    t.ok(server.points.at(-1)!.metrics['\\Process\\Physical Bytes'] > 1e7)
    t.ok(server.points.some(({ metrics }) => metrics['\\% Process\\Processor Time Normalized'] > 0))
    await until('documents', () => new Set(emulator.live.documents.map(({ type }) => type)).size === 5)
    t.ok(emulator.live.documents.some(({ fields }) => fields.Name === 'GET /503'), 'a dependency has the name of its row')
    const of = (type: string, match: (fields: Record<string, string>) => boolean): unknown => emulator.live.documents.find(each => each.type === type && match(each.fields))
    t.match(of('Request', ({ Name }) => Name === 'GET /orders/:id'), { fields: { ResponseCode: '200', Url: /orders\/0\?token=REDACTED/, Duration: /^PT\d+\.\d{7}S$/ }, properties: { tenant: '0' } })
    t.match(of('RemoteDependency', ({ ResultCode }) => ResultCode === '503'), { fields: { CommandName: /503/ } })
    t.match(of('Exception', () => true), { fields: { ExceptionType: 'Error', ExceptionMessage: /^it is bad/ } })
    t.match(of('Trace', ({ Message }) => Message === 'looking for the order'), { properties: { tenant: '0' } })
    t.match(of('Event', () => true), { fields: { Name: 'Ordered' }, properties: { plan: 'gold' } })
    t.notMatch(JSON.stringify(emulator.live.documents), /hunter2secret/, 'documents are redacted as rows are')
    t.strictSame(server.errors, [])
  })
}

t.test('numbers are true under sampling', async t => {
  const other = await upstream(t)
  const { emulator, send } = await start(t, { options: { samplingRatio: 0, metrics: false }, routes: routes(other) })
  emulator.live.watch()
  const server = await watched(emulator)
  for (let i = 0; i < 6; i++) await send('/fine')
  await send('/bad')
  await send('/orders/1')
  await until('all requests', () => Math.round(total(server, REQUESTS)) >= 8 && Math.round(total(server, CALLS)) >= 2)
  t.ok(Math.abs(total(server, REQUESTS) - 8) < 1.2, `${total(server, REQUESTS)}`)
  t.ok(Math.abs(total(server, FAILED) - 1) < 0.3)
  t.ok(Math.abs(total(server, CALLS) - 2) < 0.4, `${total(server, CALLS)}`)
  t.strictSame(emulator.items({ type: 'request' }), [])
})

t.test('background work counts once, and several instances of one role are one server', async t => {
  const { emulator, app } = await start(t, { options: { serviceName: 'jobs' } })
  emulator.live.watch()
  const server = await watched(emulator)
  for (let i = 0; i < 4; i++) await app.appInsights.operation('job', async () => {})
  await t.rejects(app.appInsights.operation('job', async () => { throw new Error('no') }))
  await until('all', () => Math.round(total(server, REQUESTS)) >= 5)
  t.ok(Math.abs(total(server, REQUESTS) - 5) < 0.8, `${total(server, REQUESTS)}`)
  t.ok(Math.abs(total(server, FAILED) - 1) < 0.3)
  t.equal(emulator.live.servers.length, 1)
})

t.test('filters choose documents and make charts', async t => {
  const other = await upstream(t)
  const { emulator, send } = await start(t, { routes: routes(other) })
  emulator.live.watch({ filters: [{ telemetryType: 'Request', field: 'Success', predicate: 'Equal', comparand: 'false' }] })
  const server = await watched(emulator)
  for (let i = 0; i < 5; i++) await send('/fine')
  for (let i = 0; i < 3; i++) await send('/bad')
  const chart = (name: string): number => server.points.reduce((sum, { metrics }) => sum + (metrics[name] ?? 0), 0)
  await until('three failures', () => chart('filtered-Request') === 3)
  await until('their documents', () => emulator.live.documents.length === 3)
  t.ok(emulator.live.documents.every(({ type, fields }) => type === 'Request' && fields.ResponseCode === '500'))

  await t.test('of all kinds', async t => {
    emulator.clear()
    const metric = (Id: string, TelemetryType: string, Filters: object[], Projection: string, Aggregation: string): object => ({ Id, TelemetryType, FilterGroups: [{ Filters }], Projection, Aggregation, BackEndAggregation: Aggregation })
    const filter = (FieldName: string, Predicate: string, Comparand: string): object => ({ FieldName, Predicate, Comparand })
    emulator.live.collect({
      Metrics: [
        metric('all', 'Request', [], 'Count()', 'Sum'),
        metric('order', 'Request', [filter('Name', 'Contains', 'ORDERS'), filter('Duration', 'LessThan', '0.0:0:59.5')], 'Count()', 'Sum'),
        metric('tenants', 'Request', [filter('CustomDimensions.tenant', 'Equal', '7')], 'CustomDimensions.tenant', 'Max'),
        metric('slowest', 'Dependency', [filter('Type', 'Equal', 'Http'), filter('ResultCode', 'GreaterThanOrEqual', '500')], 'Count()', 'Sum'),
        metric('message', 'Exception', [filter('Exception.Message', 'Contains', 'is bad')], 'Count()', 'Sum'),
        metric('events', 'Event', [filter('*', 'Contains', 'gold')], 'Count()', 'Sum'),
        metric('lines', 'Trace', [filter('Message', 'DoesNotContain', 'nothing')], 'Count()', 'Sum'),
        metric('all', 'Request', [], 'Count()', 'Sum'),
        metric('wrong', 'Request', [filter('Colour', 'Equal', 'red')], 'Count()', 'Sum'),
        metric('order wrong', 'Request', [filter('Name', 'GreaterThan', 'x')], 'Count()', 'Sum'),
        metric('type wrong', 'PerformanceCounter', [], 'Count()', 'Sum')
      ],
      DocumentStreams: [
        { Id: 'seven', DocumentFilterGroups: [{ TelemetryType: 'Request', Filters: { Filters: [filter('CustomDimensions.tenant', 'Equal', '7')] } }, { TelemetryType: 'Trace', Filters: { Filters: [] } }] },
        { Id: 'broken', DocumentFilterGroups: [{ TelemetryType: 'Request', Filters: { Filters: [filter('Success', 'Equal', 'perhaps')] } }] }
      ]
    })
    await until('the errors', () => (emulator.live.servers[0]?.errors.length ?? 0) === 5)
    const [server] = emulator.live.servers
    await send('/orders/7')
    await send('/orders/8')
    await send('/bad')
    const sum = (name: string): number => server.points.reduce((sum, { metrics }) => sum + (metrics[name] ?? 0), 0)
    await until('all requests', () => sum('all') === 3 && sum('lines') >= 2 && sum('message') === 1)
    t.equal(sum('order'), 2)
    t.equal(sum('tenants'), 7)
    t.equal(sum('slowest'), 2)
    t.equal(sum('events'), 2)
    t.match(server.errors.join('\n'), /Duplicate metric id: all[^]*Colour[^]*GreaterThan[^]*PerformanceCounter[^]*perhaps/)
    const requests = emulator.live.documents.filter(({ type }) => type === 'Request')
    t.match(requests, [{ fields: { Url: /orders\/7$/ } }])
    t.ok(emulator.live.documents.some(({ type }) => type === 'Trace'))
  })
})
