/** Telemetry item → why ingestion rejects it, if it does. The wording follows the real endpoint's. Also runs in the page. */
import { instant, isObject, milliseconds, number, numeric, text } from './fields'
import { CONTRACTS, DURATION, EXCEPTION_DETAILS, isAddress, isLargeDimension, ITEM, METRIC_NAME, STACK, TAGS } from './limits'
import { kindOf, type Envelope, type RowType } from './rows'

/** Why an item isn't a row at all. */
export function validationError (item: unknown): string | undefined {
  if (!isObject(item)) return '100: Invalid telemetry item: expected a JSON object'
  if (typeof item.name !== 'string' || item.name === '') return missing('name', 'Envelope', 'string')
  if (typeof item.time !== 'string' || Number.isNaN(instant(item.time))) return missing('time', 'Envelope', 'DateTimeOffset')
  if (typeof item.iKey !== 'string' || item.iKey === '') return missing('iKey', 'Envelope', 'string')
  if (item.tags !== undefined && item.tags !== null && !isObject(item.tags)) return missing('tags', 'Envelope', 'map')
  if (!isObject(item.data)) return missing('data', 'Envelope', 'Base')
  const kind = kindOf(item.data.baseType)
  if (kind === undefined) return "103: Field 'baseType' on type 'Data' is not one of the known telemetry types"
  const data = item.data.baseData
  if (!isObject(data)) return missing('baseData', 'Data', 'Domain')
  if (kind === 'request' && text(data.id) === undefined) return missing('id', 'RequestData', 'string')
  if ((kind === 'request' || kind === 'availability') && milliseconds(data.duration) === undefined) return missing('duration', CONTRACTS[kind].type, 'TimeSpan')
  if (kind === 'trace' && text(data.message) === undefined) return missing('message', 'MessageData', 'string')
  if (kind === 'exception' && !(Array.isArray(data.exceptions) && data.exceptions.some(isObject))) return missing('exceptions', 'ExceptionData', 'list')
  if (kind === 'metric' && !(Array.isArray(data.metrics) && data.metrics.some(isObject))) return missing('metrics', 'MetricData', 'list')
  return undefined
}

/**
 * Why Azure rejects an item that has passed `validationError`: a required field is empty, or a value is too long or has
 * the wrong type.
 * @param size size of the item's JSON, in bytes
 */
export function refusal (envelope: Envelope, size: number): string | undefined {
  const kind = kindOf(envelope.data?.baseType)!
  const data = envelope.data?.baseData ?? {}
  return tagRefusal(envelope.tags) ?? fieldRefusal(kind, data) ?? durationRefusal(kind, data) ??
    (kind === 'exception' ? exceptionRefusal(data) : undefined) ??
    (kind === 'metric' ? metricRefusal(data) : undefined) ??
    measurementRefusal(data.measurements, CONTRACTS[kind].type) ?? sizeRefusal(data, size)
}

function tagRefusal (tags: unknown): string | undefined {
  if (!isObject(tags)) return undefined
  for (const [tag, longest] of Object.entries(TAGS)) {
    const value = tags[tag]
    if (value === undefined || value === null) continue
    if (typeof value !== 'string') return ofOtherType(tag, 'ContextTagKeys', 'string', value)
    if (value.length > longest) return tooLong(tag, 'ContextTagKeys', longest, value)
  }
  const ip = tags['ai.location.ip']
  return typeof ip === 'string' && ip !== '' && !isAddress(ip) ? ofOtherType('ai.location.ip', 'ContextTagKeys', 'IP address', ip) : undefined
}

function fieldRefusal (kind: RowType, data: Record<string, unknown>): string | undefined {
  const { type, required, longest } = CONTRACTS[kind]
  for (const field of required) if (isBlank(data[field])) return empty(field, type)
  for (const [field, most] of Object.entries(longest)) {
    const value = text(data[field])
    if (value !== undefined && value.length > most) return tooLong(field, type, most, value)
  }
  return undefined
}

function durationRefusal (kind: RowType, data: Record<string, unknown>): string | undefined {
  if (data.duration === undefined && kind !== 'dependency') return undefined
  if (kind !== 'request' && kind !== 'dependency' && kind !== 'availability' && kind !== 'pageView') return undefined
  const duration = milliseconds(data.duration)
  // Minutes and seconds go up to 59.
  if (typeof data.duration === 'string' && /:[6-9]\d/.test(data.duration)) return ofOtherType('duration', CONTRACTS[kind].type, 'TimeSpan', data.duration)
  return duration === undefined || duration < 0 || duration >= DURATION ? ofOtherType('duration', CONTRACTS[kind].type, 'TimeSpan', data.duration) : undefined
}

function exceptionRefusal (data: Record<string, unknown>): string | undefined {
  for (const detail of data.exceptions as unknown[]) {
    if (!isObject(detail)) return ofOtherType('exceptions', 'ExceptionData', 'ExceptionDetails', detail)
    for (const [field, longest] of Object.entries(EXCEPTION_DETAILS)) {
      const value = text(detail[field])
      if (value === undefined || isBlank(value)) return empty(field, 'ExceptionDetails')
      if (value.length > longest) return tooLong(field, 'ExceptionDetails', longest, value)
    }
    if (typeof detail.stack === 'string' && detail.stack.length > STACK) return tooLong('stack', 'ExceptionDetails', STACK, detail.stack)
  }
  return undefined
}

/** JSON has no NaN or Infinity: they arrive as null. */
function metricRefusal (data: Record<string, unknown>): string | undefined {
  for (const point of data.metrics as unknown[]) {
    if (!isObject(point)) return ofOtherType('metrics', 'MetricData', 'DataPoint', point)
    if (isBlank(point.name)) return empty('name', 'DataPoint')
    if (String(text(point.name)).length > METRIC_NAME) return tooLong('name', 'DataPoint', METRIC_NAME, String(text(point.name)))
    if (number(point.value) === undefined) return ofOtherType('value', 'DataPoint', 'double', point.value)
    for (const field of ['count', 'min', 'max', 'stdDev']) {
      if (point[field] !== undefined && number(point[field]) === undefined) return ofOtherType(field, 'DataPoint', 'double', point[field])
    }
  }
  return undefined
}

function measurementRefusal (measurements: unknown, type: string): string | undefined {
  if (!isObject(measurements)) return undefined
  for (const name of Object.keys(measurements)) {
    if (numeric(measurements[name]) === undefined) return ofOtherType('measurements', type, 'double', measurements[name])
  }
  return undefined
}

/** The size that counts: without the dimensions that may be large. */
function sizeRefusal ({ properties }: Record<string, unknown>, size: number): string | undefined {
  if (size <= ITEM) return undefined
  let counted = size
  for (const [name, value] of isObject(properties) ? Object.entries(properties) : []) {
    if (isLargeDimension(name)) counted -= bytesOf(JSON.stringify(value))
  }
  return counted <= ITEM ? undefined : `100: Telemetry item length must not exceed ${ITEM}. Actual: ${counted}`
}

const encoder = new TextEncoder()

export function bytesOf (text: string): number {
  return encoder.encode(text).length
}

function isBlank (value: unknown): boolean {
  return text(value)?.trim() === '' || value === undefined || value === null
}

function missing (field: string, type: string, expected: string): string {
  return `106: Field '${field}' on type '${type}' is required but missing or of the wrong form. Expected: ${expected}`
}

function empty (field: string, type: string): string {
  return `109: Field '${field}' on type '${type}' is required but missing or empty. Expected: string`
}

function tooLong (field: string, type: string, longest: number, { length }: string): string {
  return `100: Field '${field}' on type '${type}' is too long. Expected: ${longest} characters, Actual: ${length}`
}

function ofOtherType (field: string, type: string, expected: string, actual: unknown): string {
  return `106: Field '${field}' on type '${type}' is of incorrect type. Expected: ${expected}, Actual: ${typeof actual === 'string' ? 'another text' : actual === null ? 'null' : typeof actual}`
}
