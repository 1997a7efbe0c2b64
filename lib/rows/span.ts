/** A finished span → what its row takes from it, and the table that it goes to. */
import { SpanKind } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'

export type RowSpan = Pick<ReadableSpan, 'spanContext' | 'parentSpanContext' | 'name' | 'kind' | 'startTime' | 'duration' | 'status' | 'attributes' | 'events' | 'links'>

/** SERVER and CONSUMER spans are requests, all others dependencies: the exporter's rule. */
export function isRequestKind (kind: SpanKind): boolean {
  return kind === SpanKind.SERVER || kind === SpanKind.CONSUMER
}
