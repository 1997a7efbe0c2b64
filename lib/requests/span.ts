/** All that touches a request's span: how it starts, what is written on it, how it ends. */
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
 * @param ago milliseconds since the request came
 * @param attributes for a sampler of the app's
 */
export function startRequestSpan (telemetry: Instance, name: string, parent: Context, ago: number, attributes?: Attributes): Span {
  // Fastify's first steps take less.
  return telemetry.startSpan(name, SpanKind.SERVER, parent, attributes, undefined, ago > 1 ? Date.now() - ago : undefined)
}

/** The caller's trace context and baggage. */
export function callerContext ({ headers }: RawRequest, active = context.active()): Context {
  return incomingContext(active, headers)
}

/** Who else has opened a SERVER span for this request, with a provider of its own. */
export function otherTracer (active: Context): string | undefined {
  const span = trace.getSpan(active)
  if (span === undefined || isOwn(span)) return undefined
  const { kind, ended, instrumentationScope } = span as Span & Partial<ReadableSpan>
  return kind === SpanKind.SERVER && ended !== true ? instrumentationScope?.name ?? 'another instrumentation' : undefined
}

/** Where the attributes of a span of ours are written; undefined where nobody would see them. */
export function writableAttributes (span: Span): Attributes | undefined {
  const { attributes, ended } = span as unknown as ReadableSpan
  return ended === false ? attributes : undefined
}

/** The exporter takes an unset status for "below 400 is a success". */
export function setStatus (span: Span, status: number | undefined, success: boolean): void {
  if (!success) span.setAttribute('error.type', String(status ?? 'connection_closed'))
  const unset = status !== undefined && status < 500 && (status < 400) === success && status !== CLIENT_CLOSED_REQUEST
  if (!unset) span.setStatus({ code: success ? SpanStatusCode.OK : SpanStatusCode.ERROR })
}

/** A metric has counted it: Azure is not to count it again. */
export function markCounted (span: Span): void {
  markProcessed(attributesOf(span), PROCESSED_REQUEST)
}
