/** All that touches a request's span: how it starts, what is written on it, how it ends. */
import type { IncomingMessage } from 'node:http'
import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode, TraceFlags, context, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { CLIENT_CLOSED_REQUEST } from './outcome'
import { PROCESSED, PROCESSED_REQUEST } from '../metrics'
import { type Operation, kOperation } from '../tracing/operation'
import { SAMPLE_RATE } from '../tracing/sampler'
import { LeanSpan } from '../tracing/span'
import type { SpanWithOperation, Telemetry } from '../tracing/telemetry'
import { remoteSpan } from '../tracing/trace-context'

/** @param attributes for a sampler of the app's */
export function startRequestSpan (telemetry: Telemetry, name: string, parent: Context, attributes: Attributes = {}): Span {
  return telemetry.startSpan(name, SpanKind.SERVER, parent, attributes)
}

/** W3C Trace Context; what is malformed is passed over. */
export function withRemoteParent ({ headers }: IncomingMessage, active = context.active()): Context {
  const remote = remoteSpan(headers.traceparent, headers.tracestate)
  return remote === undefined ? active : trace.setSpanContext(active, remote)
}

/** A SERVER span that another instrumentation has opened for this request. */
export function foreignServerSpan (active: Context): Span | undefined {
  const span = trace.getSpan(active) as (Span & Partial<ReadableSpan> & SpanWithOperation) | undefined
  if (span === undefined || span[kOperation] !== undefined || span.kind !== SpanKind.SERVER || span.ended === true) return undefined
  return span
}

export function scopeOf (span: Span): string {
  return (span as Partial<ReadableSpan>).instrumentationScope?.name ?? 'another instrumentation'
}

export function isSampled (span: Span): boolean {
  return (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
}

export function tieSpan (span: Span, operation: Operation): void {
  (span as SpanWithOperation)[kOperation] = operation
}

/** Where the attributes of a span of ours are written; undefined where nobody would see them. */
export function writableAttributes (span: Span): Attributes | undefined {
  return span instanceof LeanSpan && !span.ended ? span.attributes : undefined
}

/** The exporter takes an unset status for "below 400 is a success". */
export function setStatus (span: Span, status: number | undefined, success: boolean): void {
  if (!success) span.setAttribute('error.type', String(status ?? 'connection_closed'))
  const unset = status !== undefined && status < 500 && (status < 400) === success && status !== CLIENT_CLOSED_REQUEST
  if (!unset) span.setStatus({ code: success ? SpanStatusCode.OK : SpanStatusCode.ERROR })
}

/** A metric has counted it: Azure is not to count it again. */
export function markCounted (span: Span): void {
  span.setAttribute(PROCESSED, PROCESSED_REQUEST)
}

/** It is kept whatever the sampler said, and stands for itself alone. */
export function markCertain (span: Span): void {
  span.setAttribute(SAMPLE_RATE, 100)
}
