/** A request → its span: start, parent, attributes, status and end. */
import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { CLIENT_CLOSED_REQUEST } from './outcome'
import { PROCESSED_REQUEST, attributesOf, markProcessed } from '../rows/marks'
import { hasArrived } from './operation'
import type { RawRequest } from './refused'
import type { Instance } from '../instance'
import { type Operation, operationOf } from '../tracing/operation'
import { kContextOperation } from '../tracing/operation-context'
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

/**
 * The caller's trace context and baggage.
 * @param handedOn the operation that the same request already has in another app of this process
 */
export function callerContext (raw: RawRequest, active: Context, handedOn?: Operation | null): Context {
  return incomingContext(hasArrived(raw) ? withoutListener(active, handedOn) : active, raw.headers)
}

/**
 * A server's requests run in the context in which the app began to listen. If that was in an operation or a span, such as
 * `start-up`, its trace and its sampling must not become those of every request. A request made by inject() does join the
 * operation that makes it.
 */
function withoutListener (active: Context, handedOn: Operation | null | undefined): Context {
  const span = trace.getSpan(active)
  if (span === undefined) return active
  const operation = operationOf(active)
  const isOfListener = operation === undefined ? (span as Partial<ReadableSpan>).ended === true : operation !== handedOn
  return isOfListener ? trace.deleteSpan(active).deleteValue(kContextOperation) : active
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
