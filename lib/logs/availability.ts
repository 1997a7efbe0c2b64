/** Arguments of `trackAvailability` → a log record that becomes a row of `availabilityResults`. */
import { randomUUID } from 'node:crypto'
import { type Attributes, type Context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { LogRecord } from '@opentelemetry/api-logs'
import type { Properties } from '../options'
import { OPERATION_NAME } from '../rows/attribute-names'
import { nameOf, readProperty, readText, textOf } from '../rows/hostile'
import { addMeasurements, toAttributes, toMeasurement } from '../rows/properties'
import { operationOf } from '../tracing/operation'
import { Severity } from '../rows/severity'

/** The result of one of your own synthetic checks. */
export interface AvailabilityResult {
  /** Name of the check. Always use the same one: the portal's Availability page has one entry per name. */
  name: string
  success: boolean
  /** How long the check took, in milliseconds. */
  duration: number
  /** Identifies this result. @default a random UUID */
  id?: string
  /** Where the check ran from. @default the instance, as in `cloud_RoleInstance` */
  runLocation?: string
  /** For example, why the check failed. */
  message?: string
  properties?: Properties
  measurements?: Record<string, number>
}

/** @param instance the default of `runLocation` */
export function availabilityRecord (where: Context, given: unknown, instance: string): LogRecord {
  const attributes: Attributes = toAttributes(readProperty(given, 'properties'))
  addMeasurements(attributes, readProperty(given, 'measurements'))
  const message = readProperty(given, 'message')
  Object.assign(attributes, {
    'microsoft.availability.id': textGiven(given, 'id') ?? randomUUID(),
    'microsoft.availability.name': nameOf(readProperty(given, 'name')),
    'microsoft.availability.duration': timeSpan(toMeasurement(readProperty(given, 'duration')) ?? 0),
    'microsoft.availability.success': String(Boolean(readProperty(given, 'success'))),
    'microsoft.availability.runLocation': textGiven(given, 'runLocation') ?? instance
  })
  if (message !== undefined && message !== null) attributes['microsoft.availability.message'] = textOf(message)
  const name = operationOf(where)?.name
  if (name !== undefined) attributes[OPERATION_NAME] = name
  return { severityNumber: Severity.INFO, attributes, context: idsOnly(where) }
}

/** The operation's ids without the operation: a check is always sent and represents only itself, whatever the sampling. */
function idsOnly (where: Context): Context {
  const ids = trace.getSpanContext(where)
  return ids === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, ids)
}

function textGiven (given: unknown, name: string): string | undefined {
  const text = readText(given, name)
  return text === undefined || text.trim() === '' ? undefined : text
}

/** Formats as `hh:mm:ss.fffffff`, limited to one day. A longer check must come from a broken clock. */
function timeSpan (milliseconds: number): string {
  const ticks = Math.round(Math.min(Math.max(milliseconds, 0), 86_399_999) * 10_000)
  const two = (part: number): string => String(Math.floor(part)).padStart(2, '0')
  const seconds = ticks / 10_000_000
  return `${two(seconds / 3_600)}:${two(seconds / 60 % 60)}:${two(seconds % 60)}.${String(ticks % 10_000_000).padStart(7, '0')}`
}
