/**
 * `traceparent` and `tracestate` ↔ span context. As @opentelemetry/core does it, which with what it needs takes 15 ms
 * to load, and is loaded with the SDK only.
 */
import {
  type Context, type SpanContext, type TextMapPropagator,
  createContextKey, createTraceState, isSpanContextValid, trace
} from '@opentelemetry/api'

// A key is a registered symbol: this is the one that everybody's instrumentation looks at.
const kSuppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

export function suppressTracing (where: Context): Context {
  return where.setValue(kSuppressed, true)
}

export function isTracingSuppressed (where: Context): boolean {
  return where.getValue(kSuppressed) === true
}

const TRACEPARENT = /^(?!ff)([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/
const LENGTH = 55
const MAX_MEMBERS = 32

/**
 * @returns undefined for what is malformed; later versions may have more at their end
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceParent (header: string): SpanContext | undefined {
  const text = header.trim()
  const match = TRACEPARENT.exec(text)
  if (match === null || (match[1] === '00' && text.length !== LENGTH)) return undefined
  const found = { traceId: match[2]!, spanId: match[3]!, traceFlags: Number.parseInt(match[4]!, 16) }
  return isSpanContextValid(found) ? found : undefined
}

/** The caller's span; undefined where the headers name none. */
export function remoteSpan (traceparent: unknown, tracestate: unknown): SpanContext | undefined {
  const remote = typeof traceparent === 'string' ? parseTraceParent(traceparent) : undefined
  if (remote === undefined) return undefined
  remote.isRemote = true
  // Cut here, because the API turns a list around that it has to cut.
  if (typeof tracestate === 'string' && tracestate !== '') remote.traceState = createTraceState(tracestate.split(',', MAX_MEMBERS).join(','))
  return remote
}

/** @see https://www.w3.org/TR/trace-context/ */
export const propagator: TextMapPropagator = {
  inject (where, carrier, setter) {
    const span = trace.getSpanContext(where)
    if (span === undefined || isTracingSuppressed(where) || !isSpanContextValid(span)) return
    setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`)
    if (span.traceState !== undefined) setter.set(carrier, 'tracestate', span.traceState.serialize())
  },
  extract (where, carrier, getter) {
    const traceparent = getter.get(carrier, 'traceparent')
    const tracestate = getter.get(carrier, 'tracestate')
    const remote = remoteSpan(Array.isArray(traceparent) ? traceparent[0] : traceparent, Array.isArray(tracestate) ? tracestate.join(',') : tracestate)
    return remote === undefined ? where : trace.setSpanContext(where, remote)
  },
  fields: () => ['traceparent', 'tracestate']
}
