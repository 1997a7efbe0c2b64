/** A request → its span: start, parent, attributes, status and end. */
import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { context } from '../tracing/context'
import { CLIENT_CLOSED_REQUEST } from './outcome'
import { PROCESSED_REQUEST, attributesOf, markProcessed } from '../rows/marks'
import type { RawRequest } from './refused'
import type { Instance } from '../instance'
import { isOwn } from '../tracing/own-spans'
import { incomingContext } from '../tracing/propagation'

/**
 * @param ago milliseconds since the request arrived
 * @param attributes for the app's sampler
 */
export function startRequestSpan (telemetry: Instance, name: string, parent: Context, ago: number, attributes?: Attributes): Span {
  // Fastify's own steps before the hook take less than 1 ms.
  return telemetry.startSpan(name, SpanKind.SERVER, parent, attributes, undefined, ago > 1 ? performance.now() - ago : undefined)
}

/** The caller's trace context and baggage. */
export function callerContext ({ headers }: RawRequest, active = context.active()): Context {
  return incomingContext(active, headers)
}

/** The name of another tracer that opened a SERVER span for this request with its own provider. */
export function otherTracer (active: Context): string | undefined {
  const span = trace.getSpan(active)
  if (span === undefined || isOwn(span)) return undefined
  const { kind, ended, instrumentationScope } = span as Span & Partial<ReadableSpan>
  return kind === SpanKind.SERVER && ended !== true ? instrumentationScope?.name ?? 'another instrumentation' : undefined
}

/** The attributes object of one of our spans; undefined if the span has ended or isn't recorded. */
export function writableAttributes (span: Span): Attributes | undefined {
  const { attributes, ended } = span as unknown as ReadableSpan
  return ended === false ? attributes : undefined
}

/** If the status is unset, the exporter treats any code below 400 as a success. */
export function setStatus (span: Span, status: number | undefined, success: boolean): void {
  if (!success) span.setAttribute('error.type', String(status ?? 'connection_closed'))
  const unset = status !== undefined && status < 500 && (status < 400) === success && status !== CLIENT_CLOSED_REQUEST
  if (!unset) span.setStatus({ code: success ? SpanStatusCode.OK : SpanStatusCode.ERROR })
}

/** If a span was given its start, the SDK would take its end from the system's clock, which may have been set since. */
export function endSpan (span: Span): void {
  span.end(performance.now())
}

/** Tells Azure that a metric has already counted the request. */
export function markCounted (span: Span): void {
  markProcessed(attributesOf(span), PROCESSED_REQUEST)
}
