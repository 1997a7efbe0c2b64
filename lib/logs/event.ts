/** What `trackEvent` was given → a log record that becomes a row of `customEvents`. */
import type { Attributes, Context } from '@opentelemetry/api'
import type { LogRecord } from '@opentelemetry/api-logs'
import type { Properties } from '../options'
import { cut, propertiesOf } from '../rows/properties'
import { type Warn, messageOf } from '../warnings'
import { Severity } from './severity'

const MAX_NAME = 512

export function eventRecord (context: Context, name: string, properties: Properties | undefined, measurements: Record<string, number> | undefined, warn: Warn): LogRecord {
  let attributes: Attributes = {}
  try {
    attributes = propertiesOf(properties ?? {})
    const numbers = Object.entries(measurements ?? {}).filter(([, value]) => Number.isFinite(value))
    if (numbers.length > 0) attributes['microsoft.custom_measurements'] = JSON.stringify(Object.fromEntries(numbers))
  } catch (error) {
    warn(`The properties of an event could not be read: ${messageOf(error)}`)
  }
  // Without a name it would be a trace.
  attributes['microsoft.custom_event.name'] = cut(String(name), MAX_NAME) || '(no name)'
  return { severityNumber: Severity.INFO, attributes, context }
}
