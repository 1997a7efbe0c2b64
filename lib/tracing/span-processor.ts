/** A span starts → what its operation gives it; it ends → delivery, at once or when its operation is decided. */
import { type Attributes, type Context, type Span as ApiSpan, SpanKind, TraceFlags, trace } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { NOT_FOR_AZURE, OPERATION_NAME, SAMPLE_RATE } from '../rows/attribute-names'
import { markSampleRate, sampleRateOf } from '../rows/marks'
import { type Redactor, redactSpan } from '../rows/redaction'
import type { RowSpan } from '../rows/span'
import { RowDecision, type Operation, bindSpan, operationOf, operationOfSpan } from './operation'
import { interceptExceptions } from './recorded-exceptions'

/** Live Metrics, as much of them as spans need. */
export interface SpanCounter {
  readonly isWatched: boolean
  span: (span: ReadableSpan, weight: number) => void
}

export interface SpanTarget {
  /** Of an attribute's value, in characters. */
  readonly longest: number
  /** Of every row. */
  readonly properties: Attributes
  readonly redactor: Redactor
  deliver: (span: RowSpan) => void
  /** An event of a span, which is a row of its own. */
  event: (event: ReadableSpan['events'][number], span: ReadableSpan, operation: Operation | undefined) => void
  /** What is counted for Live Metrics. */
  readonly live: SpanCounter | undefined
  /** Spans that are sampled out come here too. */
  readonly seesAll: boolean
  /** Sampling has kept a row from being sent. */
  leaveOut: (operation: Operation | undefined) => void
}

// The second level of Trace Context: the trace id's last 56 bits are random.
const RANDOM_FLAG = 2

/** @see https://www.w3.org/TR/trace-context-2/#random-trace-id-flag */
export function keepRandomFlag (span: ApiSpan, parent: Context): void {
  const caller = trace.getSpanContext(parent)
  if (caller === undefined || (caller.traceFlags & RANDOM_FLAG) === 0) return
  const own = span.spanContext()
  // The SDK sets the sampled flag alone.
  if (own.traceId === caller.traceId) own.traceFlags |= RANDOM_FLAG
}

export function createSpanProcessor ({ longest, properties, redactor, deliver, event, leaveOut, live, seesAll }: SpanTarget): SpanProcessor {
  function onStart (span: Span, parent: Context): void {
    interceptExceptions(span)
    keepRandomFlag(span, parent)
    // Straight into the attributes: known to be right, and at every span.
    const { attributes } = span
    // Now it is the sampler's; later the attribute may be anybody's.
    markSampleRate(attributes, attributes[SAMPLE_RATE] as number | undefined)
    // A request begins an operation of its own, even within another.
    const operation = span.kind === SpanKind.SERVER ? undefined : operationOf(parent)
    if (operation === undefined) {
      Object.assign(attributes, properties)
      return
    }
    bindSpan(span, operation)
    attributes[OPERATION_NAME] = operation.name
    Object.assign(attributes, properties, operation.attributes)
  }

  function onEnd (span: ReadableSpan): void {
    redactSpan(span, redactor)
    if (longest !== Infinity) shorten(span.attributes, longest)
    const operation = operationOfSpan(span)
    if (live?.isWatched === true) live.span(span, seesAll ? 1 : 100 / (sampleRateOf(span.attributes) || 100))
    if (operation === undefined) {
      if (isForAzure(span)) send(span)
      else leaveOut(operation)
      return
    }
    if (operation.decision === RowDecision.Keep) send(span, operation)
    else if (!operation.buffer(() => send(span, operation))) leaveOut(operation)
  }

  function send (span: ReadableSpan, operation?: Operation): void {
    // A row that is always kept counts once, whatever the sampler said at its start.
    if (operation?.forceKeep === true) markSampleRate(span.attributes, undefined)
    // The app may have named the operation since; by an attribute it cannot.
    if (operation !== undefined && (span.kind !== SpanKind.SERVER || operation.isRenamed)) span.attributes[OPERATION_NAME] = operation.name
    else if (operation !== undefined && span.attributes[OPERATION_NAME] !== undefined) delete span.attributes[OPERATION_NAME]
    if (span.events.length === 0) {
      deliver(span)
      return
    }
    // The exporter's rows of events have no operation name. Other destinations keep the span as it is.
    const { name, kind, parentSpanContext, startTime, duration, status, attributes, links } = span
    deliver({ spanContext: () => span.spanContext(), name, kind, parentSpanContext, startTime, duration, status, attributes, links, events: [] })
    for (const each of span.events) {
      // recordException has reported it.
      if (each.name !== 'exception') event(each, span, operation)
    }
  }

  return { onStart, onEnd, forceFlush: async () => {}, shutdown: async () => {} }
}

/** What was written straight into them. */
function shorten (attributes: Attributes, longest: number): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string' && value.length > longest) attributes[name] = value.slice(0, longest)
  }
}

export function isForAzure (span: ApiSpan | ReadableSpan): boolean {
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0 && sampleRateOf((span as Partial<ReadableSpan>).attributes) !== NOT_FOR_AZURE
}
