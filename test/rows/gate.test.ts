/** Random rows of every kind, whoever makes them: every row that leaves is one that Azure takes. */
import { SpanKind, ROOT_CONTEXT, type Attributes } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-node'
import fc from 'fast-check'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { parseConnectionString } from '../../dist/options/connection-string.js'
import { createDelivery } from '../../dist/delivery/index.js'

/** Texts of any length, with characters that are long in UTF-8 or in JSON. */
const text = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 2, arbitrary: fc.constantFrom('', ' ', '\n', '\ud83d', '__proto__', 'NaN', '203.0.113.7:52344', '[2001:db8::1]:443', 'fe80::1%eth0', 'unknown', '…(cut from 9)') },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('x', 'é', '漢', '😀', '"', '\n', '\u0001', '\ud800', 'ab c'), fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 3_000 }) }, { weight: 1, arbitrary: fc.integer({ min: 7_000, max: 70_000 }) })).map(([part, times]) => part.repeat(times)) },
  { weight: 3, arbitrary: fc.integer({ min: 40, max: 1_100 }).map(length => 'y'.repeat(length)) }
)
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(NaN, Infinity, -Infinity, 0))
const value = fc.oneof(text, number, fc.boolean(), fc.array(text, { maxLength: 3 }))
/** Names that the exporter knows, and any other. */
const name = fc.oneof(
  fc.constantFrom(
    'enduser.id', 'enduser.pseudo.id', 'session.id', 'client.address', 'microsoft.client.ip', 'ai.operation.name', 'http.route', 'url.full',
    'http.request.method', 'http.response.status_code', 'user_agent.original', 'user_agent.synthetic.type', 'server.address', 'peer.service', 'db.system',
    'db.statement', 'db.query.text', 'db.operation', 'rpc.system', 'rpc.grpc.status_code', 'network.peer.address', 'az.namespace',
    'exception.type', 'exception.message', 'exception.stacktrace', 'microsoft.custom_event.name', 'microsoft.custom_measurements',
    'microsoft.availability.name', 'microsoft.availability.id', 'microsoft.availability.duration', 'microsoft.availability.success', 'microsoft.availability.message',
    'microsoft.sample_rate', '_MS.ProcessedByMetricExtractors', '_MS.baseType', 'fai.sample_rate', 'fai.processed',
    'gen_ai.input.messages', 'gen_ai.output.messages', 'service.name'
  ),
  text.filter(each => each !== '')
)
const attributes = fc.array(fc.tuple(name, value), { maxLength: 14 }).map(pairs => Object.fromEntries(pairs) as Attributes)
const many = fc.tuple(fc.integer({ min: 20, max: 400 }), text).map(([count, each]) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`${at} ${each.slice(0, 150)}`, each])) as Attributes)

const span = fc.record({
  what: fc.constant('span' as const),
  name: text,
  kind: fc.constantFrom(SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.PRODUCER, SpanKind.CONSUMER),
  attributes: fc.oneof({ weight: 5, arbitrary: attributes }, { weight: 1, arbitrary: many }),
  events: fc.array(fc.tuple(fc.oneof(fc.constant('exception'), text), attributes), { maxLength: 2 }),
  duration: fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.constantFrom(59_999.99999999, 3_599_999.9999999, 86_400_000, 1_000 * 86_400_000, -5))
})
const record = fc.record({
  what: fc.constant('record' as const),
  body: fc.oneof(text, fc.dictionary(text, value, { maxKeys: 5 })),
  attributes: fc.oneof({ weight: 5, arbitrary: attributes }, { weight: 1, arbitrary: many })
})
/** As SDKs for the older API hand them over: the body is the row. */
const legacy = fc.record({
  what: fc.constant('record' as const),
  body: fc.record({
    id: value,
    name: value,
    message: value,
    duration: value,
    success: value,
    url: value,
    runLocation: value,
    exceptions: fc.oneof(text, fc.array(fc.record({ typeName: value, message: value, stack: value, hasFullStack: fc.boolean() }, { requiredKeys: [] }), { maxLength: 3 })),
    measurements: fc.dictionary(text, value, { maxKeys: 3 }),
    properties: attributes
  }, { requiredKeys: [] }),
  attributes: fc.tuple(attributes, fc.constantFrom('MessageData', 'ExceptionData', 'EventData', 'AvailabilityData', 'PageViewData', 'RequestData', 'Nothing'))
    .map(([others, baseType]) => ({ ...others, '_MS.baseType': baseType }) as Attributes)
})
const line = fc.record({ what: fc.constant('line' as const), message: text, fields: fc.dictionary(name, value, { maxKeys: 14 }), operationName: text })
const metric = fc.record({
  what: fc.constant('metric' as const),
  name: text,
  attributes,
  value: fc.oneof(number, fc.record({ sum: number, count: fc.nat(), min: number, max: number }))
})

const sent = fc.oneof(span, record, legacy, line, metric)
type Sent = typeof sent extends fc.Arbitrary<infer Value> ? Value : never

t.test('every row that leaves passes the strict check', { timeout: 300_000 }, async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const resource = resourceFromAttributes({ 'service.name': 'shop '.repeat(100), 'service.instance.id': 'x'.repeat(300), 'service.version': 'v'.repeat(2_000) })
  const delivery = createDelivery({
    connection: parseConnectionString(emulator.connectionString),
    resource,
    worker: false,
    storageDirectory: false,
    maxStorageBytes: 50_000_000,
    maxQueueSize: 50_000,
    statsbeat: false,
    warn: message => t.fail(message)
  })
  const tracer = new BasicTracerProvider({
    resource,
    spanProcessors: [{ onStart () {}, onEnd: each => delivery.span(each), forceFlush: async () => {}, shutdown: async () => {} }]
  }).getTracer('test')
  const logger = new LoggerProvider({
    resource,
    processors: [{ onEmit: each => delivery.record(each), forceFlush: async () => {}, shutdown: async () => {}, enabled: () => true }]
  }).getLogger('test')
  const origin = { format: { messageKey: 'msg', errorKey: 'err', nestedKey: undefined, levels: { info: 30 }, pid: 1, hostname: 'here' }, properties: {} }

  function send (each: Sent): void {
    if (each.what === 'span') {
      const startTime = Date.now()
      const started = tracer.startSpan(each.name, { kind: each.kind, attributes: each.attributes, startTime }, ROOT_CONTEXT)
      for (const [event, more] of each.events) started.addEvent(event, more)
      started.end(startTime + each.duration)
    } else if (each.what === 'record') {
      logger.emit({ body: each.body as string, severityNumber: 9, attributes: each.attributes })
    } else if (each.what === 'line') {
      const timestamp = Date.now()
      delivery.line({
        text: `${JSON.stringify({ level: 30, time: timestamp, ...each.fields, msg: each.message })}\n`,
        timestamp,
        level: 30,
        severityNumber: 9,
        origin,
        traceId: undefined,
        spanId: undefined,
        operationName: each.operationName,
        rate: undefined,
        attributes: undefined
      })
    } else {
      const time = [Math.floor(Date.now() / 1_000), 0] as [number, number]
      delivery.metrics({
        resource,
        scopeMetrics: [{ scope: { name: 'test' }, metrics: [{ descriptor: { name: each.name }, dataPointType: typeof each.value === 'number' ? 2 : 0, dataPoints: [{ attributes: each.attributes, value: each.value, startTime: time, endTime: time }] }] }]
      } as unknown as ResourceMetrics)
    }
  }

  /** Metrics that are no numbers are dropped, nothing else. */
  function dropped (): number {
    const { requests, dependencies, traces, exceptions, customEvents } = delivery.stats()
    return [requests, dependencies, traces, exceptions, customEvents].reduce((sum, kind) => sum + Object.values(kind.dropped).reduce((all, count) => all + count, 0), 0)
  }

  let rows = 0
  await fc.assert(fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 25, size: 'max' }), async batch => {
    emulator.clear()
    const droppedBefore = dropped()
    for (const each of batch) send(each)
    await delivery.flush(30_000)
    if (emulator.refused.length > 0) throw new Error(`Refused: ${emulator.refused.map(({ message }) => message).join('; ')}`)
    const lost = dropped() - droppedBefore
    if (lost !== 0) throw new Error(`${lost} rows were lost`)
    for (const row of emulator.items()) {
      rows++
      const tooLarge = Buffer.byteLength(JSON.stringify(row.envelope)) > 65_536 && !Object.keys(row.customDimensions).some(key => key.startsWith('gen_ai.'))
      const bad = Object.entries(row.customDimensions).find(([key, held]) => key.length > 150 || (Buffer.byteLength(held) > 8_192 && !key.startsWith('gen_ai.')))
      if (tooLarge || bad !== undefined) throw new Error(`A ${row.type} is too large, or its property ${bad?.[0].slice(0, 20)} is`)
    }
  }), { numRuns: 30, seed: Number(process.env.SEED ?? 4_711) })
  t.ok(rows > 300, `${rows} rows left`)
  const stats = delivery.stats()
  t.same(Object.keys(stats.customMetrics.dropped), ['unmapped'], 'and of the metrics those alone that are no numbers')
  await delivery.close(1_000)
})
