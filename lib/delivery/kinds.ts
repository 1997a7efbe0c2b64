/** A span or record → its row's table, by the exporter's rules. Numbers are indexes into KINDS. */
import type { Attributes } from '@opentelemetry/api'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import { BASE_TYPE } from '../rows/attribute-names'
import { isException } from '../rows/record'
import { isRequestKind } from '../rows/span'

export const REQUESTS = 0
export const DEPENDENCIES = 1
export const TRACES = 2
export const EXCEPTIONS = 3
export const EVENTS = 4
export const METRIC_POINTS = 5

/** SERVER and CONSUMER spans are requests: the exporter's rule. */
export function kindOfSpan (spanKind: number): number {
  return isRequestKind(spanKind) ? REQUESTS : DEPENDENCIES
}

/** The exporter's rules, in its order. */
export function kindOfRecord (attributes: ReadableLogRecord['attributes']): number {
  if (isException(attributes as Attributes)) return EXCEPTIONS
  if (attributes['microsoft.custom_event.name']) return EVENTS
  const base = attributes[BASE_TYPE]
  if (base) return base === 'ExceptionData' ? EXCEPTIONS : base === 'MessageData' ? TRACES : EVENTS
  return AVAILABILITY.every(name => attributes[name]) ? EVENTS : TRACES
}

const AVAILABILITY = ['microsoft.availability.id', 'microsoft.availability.name', 'microsoft.availability.duration', 'microsoft.availability.success']
