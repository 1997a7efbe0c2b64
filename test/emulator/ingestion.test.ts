import http from 'node:http'
import { gzipSync } from 'node:zlib'
import { startEmulator, type EmulatorOptions } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { dependency, envelope, exception, post, request, trace } from '../fixtures/envelopes'

async function start (t: Test, options?: EmulatorOptions) {
  const emulator = await startEmulator(options)
  t.teardown(() => emulator.close())
  return emulator
}

t.test('a request arrives with the columns that Azure shows', async t => {
  const emulator = await start(t)
  const answer = await post(emulator.url, [request({ responseCode: '499', success: false, properties: { tenant: 'acme', deep: { a: 1 } }, measurements: { size: 3 } }, { sampleRate: 25 })])
  t.equal(answer.status, 200)
  t.strictSame(answer.body, { itemsReceived: 1, itemsAccepted: 1, errors: [] })

  const [row] = emulator.items({ type: 'request' })
  t.match(row, {
    type: 'request',
    itemId: 1,
    name: 'GET /users/:id',
    url: 'http://shop.test:3000/users/42?plan=pro',
    resultCode: '499',
    success: false,
    duration: 12.5,
    id: 'b7ad6b7169203331',
    operation_Id: '0af7651916cd43dd8448eb211c80319c',
    operation_Name: 'GET /users/:id',
    cloud_RoleName: 'shop',
    cloud_RoleInstance: 'shop-1',
    itemCount: 4,
    customDimensions: { tenant: 'acme', deep: '{"a":1}' },
    customMeasurements: { size: 3 },
    envelope: { data: { baseType: 'RequestData' } }
  })
  t.notOk('operation_ParentId' in row, 'a column that was not sent is absent')
})

t.test('each kind lands in its table', async t => {
  const emulator = await start(t)
  await post(emulator.url, [
    trace('it is late', { severityLevel: 'Warning' }),
    exception(),
    dependency(),
    envelope('EventData', { name: 'checkout', measurements: { total: 12.5 } }),
    envelope('MetricData', { metrics: [{ name: 'queue', value: 12, count: 3, min: 1, max: 8 }] }),
    envelope('MetricsData', { metrics: [{ name: '\\Process(??APP_WIN32_PROC??)\\Private Bytes', value: 7 }] }),
    envelope('PageviewData', { name: 'Home', url: 'http://shop.test/', duration: '00:00:00.320', id: 'p' }),
    envelope('PageviewPerformanceData', { name: 'Home', perfTotal: '00:00:00.300', networkConnect: '00:00:00.010' }),
    envelope('AvailabilityData', { id: 'a', name: 'ping', duration: '1.00:00:01.0000000', success: true, runLocation: 'here' })
  ])
  t.match(emulator.items(), [
    { type: 'trace', message: 'it is late', severityLevel: 2 },
    { type: 'exception', exceptionType: 'TypeError', message: 'no user', outerMessage: 'no user', problemId: 'TypeError at readUser', severityLevel: 3, details: [{ stack: /readUser/ }] },
    { type: 'dependency', name: 'GET /stock', target: 'stock.test', data: 'http://stock.test/stock', dependencyType: 'Http', resultCode: '503', success: false, duration: 1500 },
    { type: 'event', name: 'checkout', customMeasurements: { total: 12.5 } },
    { type: 'metric', name: 'queue', value: 12, valueCount: 3, valueSum: 12, valueMin: 1, valueMax: 8 },
    { type: 'performanceCounter', category: 'Process', counter: 'Private Bytes', value: 7 },
    { type: 'pageView', name: 'Home', duration: 320 },
    { type: 'browserTiming', totalDuration: 300, networkDuration: 10 },
    { type: 'availability', name: 'ping', success: true, duration: 86_401_000, location: 'here' }
  ])
})

t.test('one object, an array, an object a line, gzip, and both paths are taken', async t => {
  const emulator = await start(t)
  const lines = [trace('a'), trace('b')].map(item => JSON.stringify(item)).join('\n') + '\n'
  for (const [body, options] of [
    [trace('a'), {}],
    [[trace('a'), trace('b')], { path: '/v2/track' }],
    [lines, { headers: { 'content-type': 'application/x-json-stream' } }],
    [lines, { gzip: true }],
    ['\uFEFF' + JSON.stringify(trace('a')), { gzip: true, path: '/v2/track' }],
    // The portal's connection strings end in a slash.
    [trace('a'), { path: '//v2.1/track' }]
  ] as const) t.equal((await post(emulator.url, body, options)).status, 200)
  t.equal(emulator.items().length, 9)
})

t.test('a time without a zone is UTC, as in Azure, whatever the zone of this machine', async t => {
  const { TZ } = process.env
  process.env.TZ = 'America/New_York'
  t.teardown(() => { if (TZ === undefined) delete process.env.TZ; else process.env.TZ = TZ })
  const emulator = await start(t)
  for (const [time, timestamp] of [
    ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000Z'], ['2026-01-02 03:04:05.6789012', '2026-01-02T03:04:05.678Z'],
    ['2026-01-02T03:04:05.5+01:00', '2026-01-02T02:04:05.500Z'], ['2026-01-02', '2026-01-02T00:00:00.000Z']
  ] as const) {
    emulator.clear()
    t.equal((await post(emulator.url, trace('a', {}, { time }))).status, 200)
    t.match(emulator.items(), [{ timestamp }], time)
  }
  const rows = async (query: string) => (await (await fetch(`${emulator.url}/api/rows?${query}`)).json() as unknown[]).length
  t.equal(await rows('from=2026-01-01T23:00&to=2026-01-02T01:00'), 1)
  t.equal(await rows('from=2026-01-02T01:00&to=2026-01-02T06:00'), 0)
})

t.test('a bad item is refused with its place and the reason, the good ones beside it are kept', async t => {
  const emulator = await start(t)
  const answer = await post(emulator.url, [trace('good'), { hello: 'world' }, envelope('RequestData', { name: 'no id' }), envelope('Unheard', {}), 7, trace('good too')])
  t.equal(answer.status, 206)
  t.match(answer.body, { itemsReceived: 6, itemsAccepted: 2 })
  t.strictSame(answer.body.errors.map(({ index, statusCode }) => [index, statusCode]), [[1, 400], [2, 400], [3, 400], [4, 400]])
  t.match(answer.body.errors[1].message, /'id'/)
  t.strictSame(emulator.items().map(row => row.message), ['good', 'good too'])
})

t.test('a line that is not JSON costs only itself', async t => {
  const emulator = await start(t)
  const answer = await post(emulator.url, `${JSON.stringify(trace('a'))}\n{"broken\n${JSON.stringify(trace('b'))}`)
  t.equal(answer.status, 206)
  t.match(answer.body, { itemsReceived: 3, itemsAccepted: 2, errors: [{ index: 1 }] })
})

t.test('what is no telemetry at all is refused with 400 and a reason', async t => {
  const emulator = await start(t)
  for (const body of ['', '  ', 'hello', '<xml/>', '[]', '{"a":', 'null', '7', '"text"', '[1,2]', '{}', '[null]', '['.repeat(100_000), '\u0000\u0001']) {
    const answer = await post(emulator.url, body)
    t.equal(answer.status, 400, JSON.stringify(body.slice(0, 20)))
    t.equal(answer.body.itemsAccepted, 0)
    t.ok(answer.body.errors[0].message, answer.body.errors[0].message)
  }
  t.equal((await post(emulator.url, 'not gzip', { headers: { 'content-encoding': 'gzip' } })).status, 400)
  t.equal((await post(emulator.url, trace(), { headers: { 'content-encoding': 'zstd' } })).status, 415)
  t.equal(emulator.items().length, 0)
  t.equal((await post(emulator.url, [trace()])).status, 200, 'and it keeps running')
})

t.test('over 10 MB unpacked is refused with 413, however small it was packed', async t => {
  const emulator = await start(t)
  const large = JSON.stringify([trace('x'.repeat(10_000_100))])
  t.equal((await post(emulator.url, large)).status, 413)
  const packed = await post(emulator.url, large, { gzip: true })
  t.equal(packed.status, 413)
  t.match(packed.body.error, /10 MB/)

  const bomb = gzipSync(Buffer.alloc(200_000_000))
  const before = process.memoryUsage().rss
  t.equal((await post(emulator.url, new Uint8Array(bomb), { headers: { 'content-encoding': 'gzip' } })).status, 413)
  t.ok(process.memoryUsage().rss - before < 100_000_000, 'and never unfolds')
  t.equal((await post(emulator.url, [trace()])).status, 200)
})

t.test('a body without a length that never ends is cut off', async t => {
  const emulator = await start(t)
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sending = http.request(`${emulator.url}/v2.1/track`, { method: 'POST' }, response => {
      resolve(response.statusCode)
      sending.destroy()
    })
    sending.on('error', error => { if (!sending.destroyed) reject(error) })
    const chunk = Buffer.alloc(100_000, 32)
    const more = () => { if (!sending.destroyed) sending.write(chunk, () => setImmediate(more)) }
    more()
  })
  t.equal(status, 413)
})

t.test('the oldest rows leave when there are too many, or they are too large', async t => {
  const few = await start(t, { maxRows: 10 })
  await post(few.url, Array.from({ length: 25 }, (_, index) => trace(`line ${index}`)))
  t.strictSame(few.items().map(row => row.message), Array.from({ length: 10 }, (_, index) => `line ${index + 15}`))
  t.equal(few.items()[0].itemId, 16)

  const small = await start(t, { maxBytes: 100_000 })
  for (let index = 0; index < 20; index++) await post(small.url, [trace('x'.repeat(10_000), { properties: { index } })])
  t.ok(small.items().length < 10)
  t.equal(small.items().at(-1)?.customDimensions.index, '19')
})

t.test('posts are counted, with what was answered and without credentials', async t => {
  const emulator = await start(t)
  await post(emulator.url, [trace(), trace()], { headers: { authorization: 'Bearer secret', 'x-api-key': 'secret', 'x-plain': 'yes' } })
  await post(emulator.url, 'nonsense')
  t.match(emulator.posts, [{ path: '/v2.1/track', status: 200, items: 2, accepted: 2, headers: { 'x-plain': 'yes' } }, { status: 400, items: 0, accepted: 0 }])
  t.notMatch(JSON.stringify(emulator.posts), /secret/)
  emulator.clear()
  t.strictSame([emulator.posts.length, emulator.items().length], [0, 0])
})

t.test('names that mean something to JavaScript are only names', async t => {
  const emulator = await start(t)
  await post(emulator.url, JSON.stringify(trace('x')).replace('"properties":{}', '"properties":{"__proto__":"a","constructor":"b","toString":"c"}'))
  const [row] = emulator.items()
  t.strictSame(Object.keys(row.customDimensions), ['__proto__', 'constructor', 'toString'])
  t.equal(({} as Record<string, unknown>).a, undefined)
})
