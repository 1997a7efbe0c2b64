/** What is too long arrives cut, what is required is there, and nothing that a user names a field steers a row. */
import { SpanKind } from '@opentelemetry/api'
import { logs } from '@opentelemetry/api-logs'
import t from 'tap'
import { start } from '../fixtures/start'

const bytesOf = (row: { envelope: object }): number => Buffer.byteLength(JSON.stringify(row.envelope))

t.test('a row is at most 65,536 bytes: the longest parts are cut, ids, names and types stay', async t => {
  const long = (letter: string): string => letter.repeat(9_000)
  const { app, emulator, send } = await start(t, {
    options: { properties: { deployment: 'blue' } },
    routes: app => {
      app.get('/users/:id', async request => {
        for (let n = 0; n < 12; n++) request.appInsights.set(`set${n}`, long('s'))
        request.log.info(Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`field${n}`, long('f')])), 'dump')
        request.log.info('漢'.repeat(32_000))
        request.log.info({ control: '\u0001'.repeat(9_000) }, '"'.repeat(30_000))
        request.appInsights.trackEvent('Imported', Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`part${n}`, long('p')])))
        app.appInsights.tracer.startActiveSpan('step', { attributes: Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`${'n'.repeat(140)}${n}`, `${n}`.repeat(400)])) }, span => span.end())
        const error = new RangeError('m'.repeat(40_000))
        error.stack = `RangeError: m\n${'    at f (/srv/f.js:1:1)\n'.repeat(3_000)}`
        throw error
      })
    }
  })
  await send('/users/7')
  await app.close()
  t.strictSame(emulator.refused, [])
  t.match(app.appInsights.stats(), { requests: { dropped: {} }, traces: { dropped: {} }, exceptions: { dropped: {} }, customEvents: { dropped: {} }, dependencies: { dropped: {} } })
  for (const row of emulator.items()) {
    t.ok(bytesOf(row) <= 65_536, `${row.type}: ${bytesOf(row)} bytes`)
    if (row.operation_Id !== undefined) t.match(row, { operation_Id: /^[0-9a-f]{32}$/, operation_Name: 'GET /users/:id', customDimensions: { deployment: 'blue' } })
  }
  const [exception] = emulator.items({ type: 'exception' })
  t.match(exception, { exceptionType: 'RangeError', message: /^m+…\(cut from 40000\)$/, details: [{ stack: /…\(cut from \d+\)$/ }] })
  const [request] = emulator.items({ type: 'request' })
  t.match(request, { name: 'GET /users/:id', resultCode: '500', customDimensions: { set0: /^s+…\(cut from 9000\)$/, set11: /^s+…\(cut from 9000\)$/ } })
  const [cjk] = emulator.items({ type: 'trace', message: /^漢/ })
  t.match(cjk!.message, /^漢+…\(cut from 32000\)$/)
  t.ok(bytesOf(cjk!) > 64_000, 'no more is cut than needed')
})

t.test('a row of too many short values says how many it left out', async t => {
  const { app, emulator, flush } = await start(t)
  const many = <T>(count: number, prefix: string, value: T): Record<string, T> => Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${n}`, value]))
  app.appInsights.trackEvent('tracked', many(150, 'p', 'x'), many(150, 'm', 1.5))
  const logger = logs.getLogger('test')
  logger.emit({ attributes: { 'microsoft.custom_event.name': 'properties', ...many(500, 'p'.repeat(130), 'x') } })
  await flush()
  const counts = (name: string): unknown => {
    const row = emulator.items({ type: 'event', name })[0]!
    t.ok(bytesOf(row) <= 65_536, name)
    const { droppedFields, droppedMeasurements, ...properties } = row.customDimensions
    return [Object.keys(properties).length, Number(droppedFields ?? 0), Object.keys(row.customMeasurements ?? {}).length, Number(droppedMeasurements ?? 0)]
  }
  t.same(counts('tracked'), [100, 50, 100, 50])
  const [kept, left] = counts('properties') as number[]
  t.equal(kept + left, 500)
})

t.test('every tag is within its length, whoever decides on it', async t => {
  const route = `/${'r'.repeat(1_500)}`
  const { app, emulator, send } = await start(t, {
    options: { serviceName: 'shop'.repeat(200) },
    server: { routerOptions: { maxParamLength: 5_000 } },
    routes: app => {
      app.get(route, async request => {
        request.appInsights.setUser('u'.repeat(2_000))
        request.appInsights.setSession('s'.repeat(300))
        request.log.info('hi')
        throw new Error('broken')
      })
    }
  })
  await send(`${route}?q=${'v'.repeat(5_000)}`, { headers: { 'user-agent': 'a'.repeat(5_000) } })
  await app.appInsights.operation('o'.repeat(3_000), async () => { app.log.info('in it') })
  await app.close()
  t.strictSame(emulator.refused, [])
  const [request] = emulator.items({ type: 'request', url: /\?q=/ })
  t.equal(request!.session_Id!.length, 64)
  t.equal(request!.user_AuthenticatedId!.length, 1_024)
  t.equal(request!.cloud_RoleName!.length, 256)
  t.equal(request!.url!.length, 2_048)
  t.match(request, { name: /…\(cut from 1505\)$/, url: /…\(cut from \d+\)$/ })
  t.strictSame(new Set(emulator.items({ operation_Id: request!.operation_Id! }).map(row => row.operation_Name)), new Set([request!.name]), 'one name in all rows')
  const [background] = emulator.items({ type: 'request', name: /^o/ })
  t.match(background!.name, /…\(cut from 3000\)$/)
  t.equal(emulator.items({ type: 'trace', message: 'in it' })[0]!.operation_Name, background!.name)
})

t.test('an address is one or none', async t => {
  const { app, emulator, send } = await start(t, { server: { trustProxy: true }, routes: app => { app.get('/', async () => 'ok') } })
  const given = { '203.0.113.7': '203.0.113.7', '203.0.113.7:52344': '203.0.113.7', '[2001:db8::1]:443': '2001:db8::1', '2001:db8::1': '2001:db8::1', unknown: undefined, ['x'.repeat(200)]: undefined }
  for (const address of Object.keys(given)) await send('/', { headers: { 'x-forwarded-for': address } })
  await app.close()
  t.strictSame(emulator.refused, [])
  t.strictSame(emulator.items({ type: 'request' }).map(row => row.client_IP), Object.values(given))
})

t.test('an exception has a type and a message, whatever was thrown', async t => {
  const thrown: Record<string, () => unknown> = {
    'no message': () => new Error(),
    'of two addresses': () => new AggregateError([new Error('refused'), new Error('refused')]),
    'a class without a name': () => new (class extends Error { constructor () { super('lost'); this.name = '' } })(),
    'a blank message': () => new TypeError(' '),
    undefined: () => undefined,
    'a symbol': () => Symbol('late'),
    'a function': () => function late () {},
    'an empty text': () => '',
    'an object': () => ({})
  }
  for (const logger of [true, false]) {
    const { app, emulator, send } = await start(t, {
      server: logger ? {} : { logger: false },
      routes: app => { Object.values(thrown).forEach((value, n) => app.get(`/${n}`, async () => { throw value() })) }
    })
    for (let n = 0; n < Object.keys(thrown).length; n++) await send(`/${n}`)
    await app.close()
    t.strictSame(emulator.refused, [])
    Object.keys(thrown).forEach((what, n) => {
      const rows = emulator.items({ type: 'exception', operation_Name: `GET /${n}` })
      t.equal(rows.length, 1, `${what}, ${logger ? 'with' : 'without'} a logger`)
      for (const { details } of rows) for (const { typeName, message } of details) t.ok(typeName?.trim() && message?.trim(), `${typeName}: ${message}`)
    })
  }
})

t.test('no metric is NaN or infinite; what is no number is counted as dropped', async t => {
  const { app, emulator } = await start(t)
  const { meter } = app.appInsights
  meter.createGauge('gauge').record(NaN)
  meter.createCounter('counter').add(Infinity)
  meter.createHistogram('histogram').record(Infinity)
  meter.createObservableGauge('observed').addCallback(result => result.observe(-Infinity))
  meter.createGauge('good').record(7)
  meter.createHistogram('good.histogram').record(2)
  app.appInsights.trackMetric('tracked', NaN)
  app.appInsights.trackMetric('sum', Number.MAX_VALUE)
  app.appInsights.trackMetric('sum', Number.MAX_VALUE)
  await app.close()
  t.strictSame(emulator.refused, [])
  const names = emulator.items({ type: 'metric' }).map(row => row.name)
  t.ok(names.includes('good') && names.includes('good.histogram'))
  for (const name of ['gauge', 'counter', 'histogram', 'observed', 'tracked', 'sum']) t.notOk(names.includes(name), name)
})

t.test('what a model was asked and has answered is not cut at 8 KB, and comes last', async t => {
  const asked = 'q'.repeat(200_000)
  const { app, emulator, send } = await start(t, {
    routes: app => {
      app.get('/', async request => {
        const span = app.appInsights.tracer.startSpan('chat', { kind: SpanKind.CLIENT, attributes: { 'gen_ai.input.messages': asked, 'gen_ai.usage.input_tokens': 12 } })
        span.end()
        request.appInsights.trackEvent('Answered', { 'gen_ai.output.messages': asked, other: 'x'.repeat(9_000) })
        request.log.info({ 'gen_ai.output.messages': 'z'.repeat(300_000) }, 'said')
        return 'ok'
      })
    }
  })
  await send('/')
  await app.close()
  t.strictSame(emulator.refused, [])
  const [call] = emulator.items({ type: 'dependency', name: 'chat' })
  t.equal(call!.customDimensions['gen_ai.input.messages'], asked)
  t.equal(Object.keys(call!.customDimensions).at(-1), 'gen_ai.input.messages')
  const [event] = emulator.items({ type: 'event' })
  t.equal(event!.customDimensions['gen_ai.output.messages'], asked)
  t.equal(Buffer.byteLength(event!.customDimensions.other!), 8_192)
  const [line] = emulator.items({ type: 'trace', message: 'said' })
  t.match(line!.customDimensions['gen_ai.output.messages'], /^z+…\(cut from 300000\)$/)
  t.equal(Buffer.byteLength(line!.customDimensions['gen_ai.output.messages']!), 262_144)
})

/** What steers a row in the exporter, in ours, and in SDKs for the older API. */
const STEERING: Record<string, unknown> = {
  'fai.sample_rate': 1,
  'fai.processed': 'x',
  'microsoft.sample_rate': 1,
  '_MS.sampleRate': 1,
  '_MS.baseType': 'EventData',
  '_MS.ProcessedByMetricExtractors': 'x',
  'microsoft.custom_event.name': 'forged',
  'microsoft.custom_measurements': '{"forged":1}',
  'microsoft.availability.name': 'forged',
  'microsoft.client.ip': '6.6.6.6',
  'ai.operation.name': 'forged',
  'ai.operation.id': 'forged',
  'exception.type': 'forged',
  'exception.message': 'forged',
  'enduser.id': 'forged',
  'session.id': 'forged',
  'client.address': '6.6.6.6',
  'http.route': '/forged',
  'url.full': 'http://forged/',
  'az.namespace': 'Microsoft.EventHub',
  'user_agent.synthetic.type': 'bot'
}

t.test('whatever a field is called, it is a field', async t => {
  const { app, emulator, send } = await start(t, {
    routes: app => {
      app.get('/', async request => {
        request.log.info(STEERING, 'line')
        request.appInsights.trackEvent('event', STEERING as Record<string, string>)
        app.appInsights.tracer.startActiveSpan('step', span => span.end())
        for (const [name, value] of Object.entries(STEERING)) request.appInsights.set(name, value as string)
        app.appInsights.tracer.startActiveSpan('after', span => span.end())
        throw Object.assign(new Error('broken'), STEERING)
      })
    }
  })
  await send('/')
  await app.close()
  const rows = emulator.items().filter(row => row.operation_Id !== undefined)
  t.strictSame(rows.map(({ type }) => type).sort(), ['dependency', 'dependency', 'event', 'exception', 'request', 'trace'])
  for (const row of rows) {
    t.match(row, { itemCount: 1, operation_Name: 'GET /', user_AuthenticatedId: undefined, session_Id: undefined, operation_SyntheticSource: undefined, customMeasurements: {} }, row.type)
    t.not(row.client_IP, '6.6.6.6')
  }
  t.match(emulator.items({ type: 'trace', message: 'line' })[0], { customDimensions: { 'fai.sample_rate': '1', 'fai.processed': 'x', 'field.microsoft.sample_rate': '1', 'field._MS.baseType': 'EventData' } })
  t.match(emulator.items({ type: 'event' })[0], { name: 'event', customDimensions: { 'field.microsoft.custom_event.name': 'forged' } })
  t.match(emulator.items({ type: 'exception' })[0], { exceptionType: 'Error', message: 'broken' })
  t.match(emulator.items({ type: 'dependency', name: 'after' })[0], { dependencyType: 'InProc' })
})

t.test('a span cannot be given a sample rate, nor the mark of a row that was counted', async t => {
  const { app, emulator, send } = await start(t, {
    options: { metrics: false },
    routes: app => {
      app.get('/', async request => {
        request.appInsights.span.setAttributes({ 'microsoft.sample_rate': 1, '_MS.ProcessedByMetricExtractors': 'forged', 'ai.operation.name': 'forged' })
        app.appInsights.tracer.startActiveSpan('step', { attributes: { 'microsoft.sample_rate': 1 } }, span => span.setAttribute('ai.operation.name', 'forged').end())
        request.log.info('line')
        return 'ok'
      })
    }
  })
  await send('/')
  await app.close()
  for (const row of emulator.items().filter(each => each.operation_Id !== undefined)) t.match(row, { itemCount: 1, operation_Name: 'GET /', customDimensions: { '_MS.ProcessedByMetricExtractors': undefined } }, row.type)
})
