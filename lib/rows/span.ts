/** What a row takes from a finished span. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'

export type RowSpan = Pick<ReadableSpan, 'spanContext' | 'parentSpanContext' | 'name' | 'kind' | 'startTime' | 'duration' | 'status' | 'attributes' | 'events' | 'links'>
