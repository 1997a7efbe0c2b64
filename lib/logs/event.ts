/** Arguments of `trackEvent` → a log record that becomes a row of `customEvents`. */
import type { Attributes, Context } from '@opentelemetry/api'
import type { LogRecord } from '@opentelemetry/api-logs'
import type { Properties } from '../options'
import { nameOf } from '../rows/hostile'
import { addMeasurements, cut, toAttributes } from '../rows/properties'
import { Severity } from '../rows/severity'

const MAX_NAME = 512

export function eventRecord (context: Context, name: string, properties?: Properties, measurements?: Record<string, number>): LogRecord {
  const attributes: Attributes = toAttributes(properties)
  addMeasurements(attributes, measurements)
  // Without a name, it would become a trace.
  attributes['microsoft.custom_event.name'] = cut(nameOf(name), MAX_NAME)
  return { severityNumber: Severity.INFO, attributes, context }
}
