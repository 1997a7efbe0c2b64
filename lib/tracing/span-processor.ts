/** Started span → gets its operation's attributes; finished span → delivery, at once or when its operation is decided. */
import { type Attributes, type Context, type Span as ApiSpan, SpanKind, TraceFlags, trace } from '@opentelemetry/api'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { NOT_FOR_AZURE, OPERATION_NAME, SAMPLE_RATE } from '../rows/attribute-names'
import { markSampleRate, sampleRateOf } from '../rows/marks'
import { type Redactor, redactSpan } from '../rows/redaction'
import type { RowSpan } from '../rows/span'
import { RowDecision, type Operation, bindSpan, operationOf, operationOfSpan } from './operation'
import { addClientSpan } from './own-spans'
import { adaptSpanClass } from './span-class'

/** The part of Live Metrics that spans need. */
export interface SpanCounter {
  readonly isWatched: boolean
  span: (span: ReadableSpan, weight: number) => void
}

export interface SpanTarget {
  /** Maximum length of an attribute's value, in characters. */
  readonly longest: number
  /** Added to every row. */
  readonly properties: Attributes
  readonly redactor: Redactor
  deliver: (span: RowSpan) => void
  /** Reports a span's event as a separate row. */
  event: (event: ReadableSpan['events'][number], span: ReadableSpan, operation: Operation | undefined) => void
  /** Counts spans for Live Metrics. */
  readonly live: SpanCounter | undefined
  /** Whether the processor also gets spans that are sampled out. */
  readonly seesAll: boolean
  /** Counts a row that sampling or `ignore` excludes. */
  leaveOut: (operation: Operation | undefined) => void
}

// Trace Context Level 2: the last 56 bits of the trace id are random.
const RANDOM_FLAG = 2

/** @see https://www.w3.org/TR/trace-context-2/#random-trace-id-flag */
export function keepRandomFlag (span: ApiSpan, parent: Context): void {
  const caller = trace.getSpanContext(parent)
  if (caller === undefined || (caller.traceFlags & RANDOM_FLAG) === 0) return
  const own = span.spanContext()
  // The SDK only sets the sampled flag.
  if (own.traceId === caller.traceId) own.traceFlags |= RANDOM_FLAG
}

export function createSpanProcessor ({ longest, properties, redactor, deliver, event, leaveOut, live, seesAll }: SpanTarget): SpanProcessor {
  function onStart (span: Span, parent: Context): void {
    adaptSpanClass(span)
    keepRandomFlag(span, parent)
    if (span.kind === SpanKind.CLIENT) addClientSpan(span.spanContext().spanId)
    // Written directly, because this runs for every span and the values are already checked.
    const { attributes } = span
    // The attribute still comes from the sampler here. Later, any code may set it.
    markSampleRate(attributes, attributes[SAMPLE_RATE] as number | undefined)
    // A request starts a separate operation, even inside another one.
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
    const operation = operationOfSpan(span)
    redactSpan(span, redactor, operation?.redactedUrl)
    if (longest !== Infinity) shorten(span.attributes, longest)
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
    // A row that is always kept counts once, regardless of the sampler.
    if (operation?.forceKeep === true) markSampleRate(span.attributes, undefined)
    // The app may have renamed the operation since. It can't do so with an attribute.
    if (operation !== undefined && (span.kind !== SpanKind.SERVER || operation.isRenamed)) span.attributes[OPERATION_NAME] = operation.name
    else if (operation !== undefined && span.attributes[OPERATION_NAME] !== undefined) delete span.attributes[OPERATION_NAME]
    if (span.events.length === 0) {
      deliver(span)
      return
    }
    // The exporter's rows for events have no operation name, so we make them. Other destinations keep the span unchanged.
    const { name, kind, parentSpanContext, startTime, duration, status, attributes, links } = span
    deliver({ spanContext: () => span.spanContext(), name, kind, parentSpanContext, startTime, duration, status, attributes, links, events: [] })
    for (const each of span.events) {
      // recordException has already reported it.
      if (each.name !== 'exception') event(each, span, operation)
    }
  }

  return { onStart, onEnd, forceFlush: async () => {}, shutdown: async () => {} }
}

/** Shortens values that were written directly, past the SDK's limit. */
function shorten (attributes: Attributes, longest: number): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string' && value.length > longest) attributes[name] = value.slice(0, longest)
  }
}

export function isForAzure (span: ApiSpan | ReadableSpan): boolean {
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0 && sampleRateOf((span as Partial<ReadableSpan>).attributes) !== NOT_FOR_AZURE
}
