import {
  type Context, type HrTime, type Span, type SpanContext, type TextMapPropagator, type TimeInput,
  INVALID_SPAN_CONTEXT, ROOT_CONTEXT, SpanStatusCode, createTraceState, defaultTextMapGetter, defaultTextMapSetter, trace
} from '@opentelemetry/api'
import * as core from '@opentelemetry/core'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
import { newSpanId, newTraceId } from '../dist/tracing/ids.js'
import { after, between, hrTimeOf, isTime } from '../dist/tracing/time.js'
import { propagator, suppressTracing } from '../dist/tracing/trace-context.js'
import { start } from './fixtures/start'

const LINKED = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }

/** The ended spans of an app, still there after its close (OpenTelemetry's InMemorySpanExporter forgets them at shutdown). */
function collector (): { spans: ReadableSpan[], processor: SpanProcessor } {
  const spans: ReadableSpan[] = []
  const nothing = async (): Promise<void> => {}
  return { spans, processor: { onStart () {}, onEnd: span => { spans.push(span) }, forceFlush: nothing, shutdown: nothing } }
}

/** Everything that OpenTelemetry's API lets an app do to a span, odd values included. */
function play (span: Span): void {
  span.setAttribute('text', 'a').setAttribute('text', 'b').setAttributes({ number: 1, flag: true, list: ['x', 'y'] })
  span.setAttribute('', 'no name').setAttribute('null', null as unknown as string).setAttribute('object', { a: 1 } as unknown as string)
  span.addEvent('plain').addEvent('with fields', { size: 3 }).addEvent('then', new Date(1_700_000_000_000)).addEvent('both', { a: 1 }, [1_700_000_000, 5])
  span.addLink({ context: LINKED, attributes: { why: 'batch' } }).addLinks([{ context: LINKED }])
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'first' }).setStatus({ code: SpanStatusCode.UNSET }).setStatus({ code: SpanStatusCode.ERROR, message: 7 as unknown as string })
  span.updateName('renamed')
  span.recordException(Object.assign(new TypeError('bad'), { code: 'E_BAD', stack: 'TypeError: bad\n    at here' }))
  span.recordException('only text', 1_700_000_000_000)
}

function seen (span: ReadableSpan): object {
  const { name, status, links, ended, droppedAttributesCount, droppedEventsCount, droppedLinksCount, events, duration } = span
  const { text, number, flag, list, object } = span.attributes
  const hasTime = (event: string): boolean => ['then', 'both'].includes(event)
  return {
    name,
    status,
    ended,
    attributes: { text, number, flag, list, object, hasEmptyName: '' in span.attributes, hasNull: 'null' in span.attributes },
    links: links.map(({ context, attributes = {} }) => ({ context, attributes })),
    events: events.map(event => ({ name: event.name, attributes: event.attributes, time: hasTime(event.name) ? event.time : undefined })),
    dropped: [droppedAttributesCount, droppedEventsCount, droppedLinksCount],
    lasted: duration[0] === 0 && duration[1] > 0
  }
}

t.test('the span of a request does what every span of OpenTelemetry does', async t => {
  const { spans, processor } = collector()
  const { app, send, emulator } = await start(t, {
    options: { spanProcessors: [processor] },
    routes: app => {
      app.get('/', async request => {
        play(request.appInsights.span)
        app.appInsights.tracer.startActiveSpan('of the SDK', span => {
          play(span)
          span.end()
        })
        t.equal(trace.getActiveSpan(), request.appInsights.span)
        return { ok: true }
      })
    }
  })
  await send('/')
  await app.close()
  const [theirs, ours] = spans
  t.not(theirs!.constructor.name, ours!.constructor.name, 'two implementations')
  t.strictSame(seen(ours!), seen(theirs!))
  t.same(ours!.spanContext().traceId, theirs!.spanContext().traceId)
  t.equal(theirs!.parentSpanContext?.spanId, ours!.spanContext().spanId)
  t.same(ours!.resource, theirs!.resource)
  t.match(ours!.instrumentationScope, { name: theirs!.instrumentationScope.name, version: theirs!.instrumentationScope.version })
  t.equal(emulator.items({ type: 'request', name: 'GET /' }).length, 1, 'rows are named after the route, whatever the span is called')
  t.equal(emulator.items({ type: 'exception', message: 'bad' }).length, 2, 'one for each span')
})

t.test('an ended span takes nothing more, and its bounds hold', async t => {
  const { spans, processor } = collector()
  let span: Span | undefined
  const { app, send } = await start(t, {
    options: { spanProcessors: [processor] },
    routes: app => {
      app.get('/', async request => {
        span = request.appInsights.span
        for (let n = 0; n < 200; n++) span.addEvent(`event ${n}`).addLink({ context: LINKED })
        for (let n = 0; n < 600; n++) span.setAttribute(`attribute ${n}`, n)
        t.ok(span.isRecording())
        return { ok: true }
      })
    }
  })
  await send('/')
  await app.close()
  const [ended] = spans
  t.match([ended!.events.length, ended!.links.length, ended!.droppedEventsCount, ended!.droppedLinksCount], [128, 128, 72, 72])
  t.ok(Object.keys(ended!.attributes).length < 540, `${Object.keys(ended!.attributes).length} attributes`)
  t.ok(ended!.droppedAttributesCount > 80)
  const before = JSON.stringify(seen(ended!))
  t.notOk(span!.isRecording())
  play(span!)
  span!.end()
  t.equal(JSON.stringify(seen(ended!)), before)
  t.equal(spans.length, 1)
})

t.test('trace context is read and written as the core of OpenTelemetry does it', async t => {
  const [trace32, span16] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
  const headers = [
    `00-${trace32}-${span16}-01`, `00-${trace32}-${span16}-00`, `00-${trace32}-${span16}-ff`, ` 00-${trace32}-${span16}-01 `,
    `00-${trace32}-${span16}-01-more`, `00-${trace32}-${span16}-01-`, `cc-${trace32}-${span16}-01-more`, `cc-${trace32}-${span16}-01`, `cc-${trace32}-${span16}-01more`,
    `ff-${trace32}-${span16}-01`, `00-${'0'.repeat(32)}-${span16}-01`, `00-${trace32}-${'0'.repeat(16)}-01`, `00-${trace32.toUpperCase()}-${span16}-01`,
    `00-${trace32}-${span16}`, `00-${trace32.slice(1)}-${span16}-01`, `00-${trace32}-${span16}-0`, `0-${trace32}-${span16}-01`, 'x'.repeat(10_000), '', '-', '00'
  ]
  const states = [undefined, '', 'a=1,b=2', 'a=1,,B=2, c=3 ', ['a=1', 'b=2'], 'x'.repeat(600), Array.from({ length: 40 }, (_, n) => `k${n}=v`).join(',')]
  const theirs = new W3CTraceContextPropagator()
  const spanOf = (propagator: TextMapPropagator, carrier: object): object => {
    const { traceState, ...span } = trace.getSpanContext(propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter)) ?? {} as Partial<SpanContext>
    return { ...span, state: traceState?.serialize() ?? '' }
  }
  for (const traceparent of headers) {
    for (const tracestate of states) t.strictSame(spanOf(propagator, { traceparent, tracestate }), spanOf(theirs, { traceparent, tracestate }), `${traceparent.slice(0, 60)} ${String(tracestate).slice(0, 20)}`)
  }
  t.strictSame(spanOf(propagator, { traceparent: [headers[0]] }), spanOf(theirs, { traceparent: [headers[0]] }))
  t.strictSame(spanOf(propagator, {}), spanOf(theirs, {}))
  t.same(propagator.fields(), theirs.fields())

  const written = (propagator: TextMapPropagator, where: Context): object => {
    const carrier = {}
    propagator.inject(where, carrier, defaultTextMapSetter)
    return carrier
  }
  for (const span of [LINKED, { ...LINKED, traceFlags: 0 }, { ...LINKED, traceState: createTraceState('a=1,b=2') }, INVALID_SPAN_CONTEXT]) {
    const where = trace.setSpanContext(ROOT_CONTEXT, span)
    t.strictSame(written(propagator, where), written(theirs, where))
    t.strictSame(written(propagator, core.suppressTracing(where)), {}, 'the suppression is that of everybody')
    t.strictSame(written(theirs, suppressTracing(where)), {})
  }
  t.strictSame(written(propagator, ROOT_CONTEXT), {})
})

t.test('times are what the core of OpenTelemetry makes of them', async t => {
  for (const time of [0.5, 1_234.567_891, performance.now(), Date.now(), Date.now() + 0.25, new Date(), [1_700_000_000, 5] as HrTime]) t.strictSame(hrTimeOf(time), core.timeInputToHrTime(time), String(time))
  for (const odd of [Number.NaN, Infinity, new Date('no date'), 'no time'] as TimeInput[]) t.equal(Math.abs(hrTimeOf(odd)[0] - Date.now() / 1_000) < 5, true, 'now')
  const starts: HrTime[] = [[1_700_000_000, 0], [1_700_000_000, 999_999_999], [1_700_000_000, 500_000_000]]
  for (const start of starts) {
    for (const milliseconds of [0, 0.000_001, 0.5, 500, 999.999_999, 1_000, 86_400_000.25]) {
      const end = after(start, milliseconds)
      t.strictSame(end, core.addHrTimes(start, core.millisToHrTime(milliseconds)))
      t.strictSame(between(start, end), core.hrTimeDuration(start, end))
      t.strictSame(between(end, start), core.hrTimeDuration(end, start))
    }
  }
  for (const value of [1, new Date(), [1, 2], [1], {}, 'x', undefined]) t.equal(isTime(value), core.isTimeInput(value))
})

t.test('ids are of the right form, and none comes twice', async t => {
  const ids = new Set(Array.from({ length: 20_000 }, (_, n) => n % 2 === 0 ? newTraceId() : newSpanId()))
  t.equal(ids.size, 20_000)
  t.notOk([...ids].find(id => !/^([\da-f]{16}|[\da-f]{32})$/.test(id)))
})
