/** Span → whether one of our providers made it. Others may trace the same request with their own sampling. */
import { type Context, type Span, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { type Operation, operationOf } from './operation'

// Each instance has its own resource, which all its spans point to.
const resources = new WeakSet<object>()
// Spans that are sampled out have only ids, and no resource.
const dropped = new WeakSet<Span>()

export function addOwnResource (resource: object): void {
  resources.add(resource)
}

export function addDropped (span: Span): void {
  dropped.add(span)
}

export function isOwn (span: Span | undefined): span is Span {
  if (span === undefined) return false
  const { resource } = span as Partial<ReadableSpan>
  return resource === undefined ? dropped.has(span) : resources.has(resource)
}

// Ids of the last thousand CLIENT spans at least. A span that never ends must not stay for ever.
const GENERATION = 1_000
let clientSpans = new Set<string>()
let olderClientSpans = new Set<string>()

export function addClientSpan (spanId: string): void {
  if (clientSpans.size >= GENERATION) {
    olderClientSpans = clientSpans
    clientSpans = new Set()
  }
  clientSpans.add(spanId)
}

/** Whether one of our providers has made this CLIENT span recently. */
export function isOwnClientSpan (spanId: string): boolean {
  return clientSpans.has(spanId) || olderClientSpans.has(spanId)
}

/** The span that a row of this operation belongs to. Never another tracer's, which may be in a different trace. */
export function ownSpan (where: Context, operation: Operation): Span {
  const active = trace.getSpan(where)
  return isOwn(active) && active.spanContext().traceId === operation.span.spanContext().traceId ? active : operation.span
}

/** `where` with one of our spans as the parent, if it is inside an operation. */
export function withOwnSpan (where: Context): Context {
  const operation = operationOf(where)
  if (operation === undefined) return where
  const parent = ownSpan(where, operation)
  return trace.getSpan(where) === parent ? where : trace.setSpan(where, parent)
}
