/** A finished span → the parts that its row needs, and the table that it belongs to. */
import { SpanKind } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'

export type RowSpan = Pick<ReadableSpan, 'spanContext' | 'parentSpanContext' | 'name' | 'kind' | 'startTime' | 'duration' | 'status' | 'attributes' | 'events' | 'links'>

/** The exporter's rule: SERVER and CONSUMER spans are requests, all others are dependencies. */
export function isRequestKind (kind: SpanKind): boolean {
  return kind === SpanKind.SERVER || kind === SpanKind.CONSUMER
}
