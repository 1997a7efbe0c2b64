import { type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
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
