import { SpanStatusCode, trace } from '@opentelemetry/api'
import { LoggerProvider, type LogRecordProcessor, type SdkLogRecord } from '@opentelemetry/sdk-logs'
import { BasicTracerProvider, type ReadableSpan, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FastifyInstance } from 'fastify'
import type { AppInsightsOptions } from 'fastify-app-insights'
import type { Row } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'

const nothing = async (): Promise<void> => {}
const LINKED = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }

interface Collector { spans: ReadableSpan[], records: SdkLogRecord[], calls: string[], options: AppInsightsOptions }

/** The app's own destinations. (OpenTelemetry's in-memory exporters forget everything at shutdown.) */
function collector (): Collector {
  const [spans, records, calls]: [ReadableSpan[], SdkLogRecord[], string[]] = [[], [], []]
  const spanProcessor: SpanProcessor = {
    onStart (span) { calls.push(`start ${span.name}`) },
    onEnding (span) { calls.push(`ending ${span.name}`); span.setAttribute('added.on.ending', true) },
    onEnd (span) { calls.push(`end ${span.name}`); spans.push(span) },
    forceFlush: nothing,
    shutdown: nothing
  }
  const logRecordProcessor: LogRecordProcessor = { onEmit (record) { records.push(record) }, forceFlush: nothing, shutdown: nothing }
  return { spans, records, calls, options: { spanProcessors: [spanProcessor], logRecordProcessors: [logRecordProcessor] } }
}

function routes (app: FastifyInstance): void {
  app.get('/orders/:id', async request => {
    request.log.info({ item: 'book' }, 'order read')
    app.log.warn('low stock')
    app.appInsights.tracer.startActiveSpan('price', span => {
      span.addEvent('found', { price: 3 })
      span.end()
    })
    request.appInsights.trackEvent('seen')
  })
  app.get('/broken', async () => { throw new Error('broken') })
}

async function work (app: FastifyInstance): Promise<void> {
  await app.inject('/orders/1')
  await app.inject('/broken')
  await app.appInsights.operation('nightly', () => app.log.info('cleaned'))
}

/** A row's content without ids and times. */
function said ({ type, name, message, operation_Name: operationName, customDimensions, severityLevel, itemCount }: Row): object {
  return { type, name, message, operationName, customDimensions, severityLevel, itemCount }
}

/** Fastify's own line about its port is included. */
const isOfWork = ({ message }: Row): boolean => message?.startsWith('Server listening') !== true

const byText = (rows: object[]): string[] => rows.map(row => JSON.stringify(row)).sort()

async function rowsWith (t: Test, options: AppInsightsOptions): Promise<Row[]> {
  const { app, emulator } = await start(t, { options: { metrics: false, ...options }, routes })
  await work(app)
  await app.close()
  return emulator.items(isOfWork)
}

t.test('with default options, every span comes from the tracer provider and every record from the logger provider', async t => {
  const [spans, records]: [string[], unknown[]] = [[], []]
  const tracers = Object.getPrototypeOf(new BasicTracerProvider().getTracer('')) as { startSpan: (name: string) => unknown }
  const loggers = Object.getPrototypeOf(new LoggerProvider().getLogger('')) as { emit: (record: { body?: unknown }) => void }
  const { startSpan } = tracers
  const { emit } = loggers
  t.teardown(() => Object.assign(tracers, { startSpan }))
  t.teardown(() => Object.assign(loggers, { emit }))
  tracers.startSpan = function (name, ...rest: unknown[]) {
    spans.push(name)
    return startSpan.call(this, name, ...rest as [])
  }
  loggers.emit = function (record) {
    records.push(record.body)
    emit.call(this, record)
  }
  const rows = await rowsWith(t, {})
  t.same(spans.sort(), ['GET /broken', 'GET /orders/:id', 'nightly', 'price'])
  t.same(records.filter(body => body !== undefined && !String(body).startsWith('Server')).sort(), ['cleaned', 'found', 'low stock', 'order read'])
  t.equal(rows.length, spans.length + records.length - 1, 'and no row without one')
})

t.test("the app's processors see every span and record, and the rows are the same without them", async t => {
  const { options, spans, records, calls } = collector()
  const [without, withThem] = [await rowsWith(t, {}), await rowsWith(t, options)]
  const added = (row: Row): object => {
    const { 'added.on.ending': mark, ...customDimensions } = row.customDimensions as Record<string, string>
    return { ...said(row), customDimensions }
  }
  t.same(byText(withThem.map(added)), byText(without.map(said)))
  t.same(spans.map(span => span.name).sort(), ['GET /broken', 'GET /orders/:id', 'nightly', 'price'])
  t.same(records.map(record => record.body).filter(body => body !== undefined && !String(body).startsWith('Server')).sort(), ['cleaned', 'low stock', 'order read'], 'the events of a span they have in the span')
  t.match(records.find(record => record.body === 'order read')!.attributes, { item: 'book', 'ai.operation.name': 'GET /orders/:id' }, 'with fields')
  t.same(calls.filter(call => call.endsWith('price')), ['start price', 'ending price', 'end price'])
  t.match(withThem.filter(row => row.type === 'request').map(row => row.customDimensions), [{ 'added.on.ending': 'true' }, { 'added.on.ending': 'true' }, { 'added.on.ending': 'true' }], 'what is set when a span ends is in its row')
})

t.test('a span accepts what OpenTelemetry allows, including odd values, and nothing after it has ended', async t => {
  const { spans, options } = collector()
  const { app, emulator, send } = await start(t, {
    options,
    routes: app => {
      app.get('/', async request => {
        const { span } = request.appInsights
        t.equal(trace.getActiveSpan(), span)
        span.setAttribute('text', 'a').setAttributes({ number: 1, list: ['x', 'y'] }).setAttribute('object', { a: 1 } as unknown as string)
        span.addEvent('with fields', { size: 3 }).addLink({ context: LINKED })
        span.setStatus({ code: SpanStatusCode.ERROR, message: 'why' })
        span.recordException(undefined as unknown as Error)
        span.recordException(new TypeError('bad'))
        for (let n = 0; n < 200; n++) span.addEvent(`event ${n}`)
        for (let n = 0; n < 600; n++) span.setAttribute(`attribute ${n}`, n)
        return { ok: true }
      })
    }
  })
  t.equal((await send('/')).status, 200)
  await app.close()
  const [span] = spans
  t.match(span, { ended: true, status: { code: SpanStatusCode.ERROR }, attributes: { text: 'a', number: 1, list: ['x', 'y'], object: undefined } })
  t.match([span!.events.length, span!.links.length, span!.droppedEventsCount], [128, 1, 74])
  t.ok(Object.keys(span!.attributes).length > 500, 'no default of the SDK drops what a row can hold')
  t.equal(emulator.items({ type: 'exception', message: 'bad' }).length, 1)
})

t.test("the SDK's own variables limit attributes", async t => {
  process.env.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT = '3'
  process.env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT = '20'
  t.teardown(() => { delete process.env.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT; delete process.env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT })
  const { spans, options } = collector()
  const { app, emulator } = await start(t, {
    options,
    routes: app => {
      app.get('/', async request => {
        request.log.info({ field: 'y'.repeat(100) }, 'a line that is longer than the limit for values')
        app.appInsights.tracer.startActiveSpan('step', span => {
          span.setAttributes({ a: 'x'.repeat(100), b: 1, c: 2, d: 3, e: 4 })
          span.end()
        })
      })
    }
  })
  await app.inject(`/?${'q'.repeat(100)}`)
  await app.close()
  const step = spans.find(({ name }) => name === 'step')!
  t.same([step.attributes.a, step.attributes.c, step.attributes.d], ['x'.repeat(20), 2, undefined])
  t.equal(String(spans.find(({ name }) => name === 'GET /')!.attributes['url.full']).length, 20, 'ours as well')
  t.match(emulator.items({ message: 'a line that is longer than the limit for values' }), [{ customDimensions: { field: 'y'.repeat(20) } }])
})

t.test('an error recorded on a span, thrown and logged is one row', async t => {
  const { app, emulator } = await start(t, {
    routes: app => {
      app.get('/', async request => {
        const error = new Error('broken')
        request.appInsights.span.recordException(error)
        app.appInsights.tracer.startActiveSpan('step', span => { span.recordException(error); span.end() })
        request.log.error(error)
        throw error
      })
    }
  })
  await app.inject('/')
  await app.close()
  t.match(emulator.items({ type: 'exception' }), [{ message: 'broken', operation_Name: 'GET /' }])
  t.equal(emulator.items({ type: 'exception' }).length, 1)
})
