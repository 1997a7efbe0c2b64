/** A record that a library wrote with OpenTelemetry's own API → a copy that a row can hold. */
import type { Attributes } from '@opentelemetry/api'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import { propertyName, propertyValue } from '../rows/properties'
import type { Redactor } from '../rows/redaction'

// These become columns or decide which table a row belongs to.
const COLUMNS = new Set(['exception.type', 'exception.message', 'exception.stacktrace', 'enduser.id', 'session.id', 'microsoft.custom_event.name', 'ai.operation.name'])

/** Copies the record, because other destinations need the original. */
export function foreignRecord (record: ReadableLogRecord, redactor: Redactor): ReadableLogRecord {
  const { resource, instrumentationScope, hrTime, hrTimeObserved, spanContext, severityNumber, eventName, droppedAttributesCount } = record
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(record.attributes)) {
    if (value === undefined || value === null) continue
    const text = redactor.text(propertyValue(value))
    attributes[COLUMNS.has(name) ? name : propertyName(name)] = text
  }
  // Without a type, it would become a trace and lose its stack.
  if (attributes['exception.message'] !== undefined || attributes['exception.stacktrace'] !== undefined) attributes['exception.type'] ??= 'Error'
  let body = record.body === undefined || record.body === null ? undefined : redactor.text(propertyValue(record.body))
  if (eventName !== undefined) {
    if (body === undefined) body = eventName
    else attributes.eventName ??= eventName
  }
  return { resource, instrumentationScope, hrTime, hrTimeObserved, spanContext, severityNumber, body, attributes, droppedAttributesCount }
}
