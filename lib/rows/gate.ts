/**
 * A row of any kind and origin, as mapped by the exporter → a row that Azure accepts. Works on the exporter's objects
 * before they become JSON, so nothing has to be parsed.
 */
import { isIP } from 'node:net'
import { cut } from './cut'
import { isIPv4 } from './ipv4'
import { DURATION, LARGE_PROPERTIES, MESSAGE, METRIC_NAME, PROPERTY_NAME, STACK, TABLES, TAGS, TYPE_NAME } from './limits'
import { RowTime } from './row-time'

/** The parts of the exporter's envelope that matter here. */
export interface Item {
  time: Date
  sampleRate?: number
  tags?: Record<string, unknown>
  data?: { baseType?: string, baseData?: BaseData }
}

interface BaseData {
  properties?: Record<string, unknown>
  measurements?: Record<string, unknown>
  exceptions?: unknown
  metrics?: unknown
  duration?: unknown
  [field: string]: unknown
}

const NO_TYPE = 'Error'
const TIME_SPAN = /^(?:\d{1,3}\.)?(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,7})?$/
const WITH_DURATION = new Set(['RequestData', 'RemoteDependencyData', 'AvailabilityData'])

/** @returns undefined if Azure can't accept it, for example a metric whose value is NaN */
export function fit<T extends Item> (item: T): T | undefined {
  const { data } = item
  const base = data?.baseData
  if (base === undefined || base === null) return undefined
  const time = item.time?.getTime() ?? NaN
  item.time = new RowTime(Number.isNaN(time) ? Date.now() : time)
  if (item.sampleRate !== undefined && !(item.sampleRate > 0 && item.sampleRate <= 100)) item.sampleRate = 100
  if (item.tags !== undefined) fitTags(item.tags)
  fitFields(data?.baseType ?? '', base)
  if (base.exceptions !== undefined || data?.baseType === 'ExceptionData') base.exceptions = fitExceptions(base.exceptions)
  if ((base.metrics !== undefined || data?.baseType === 'MetricData') && !fitMetrics(base)) return undefined
  if (base.properties !== undefined) base.properties = fitProperties(base.properties)
  if (base.measurements !== undefined) fitMeasurements(base)
  return item
}

function fitTags (tags: Record<string, unknown>): void {
  for (const tag in tags) {
    const value = tags[tag]
    if (value === undefined) continue
    const text = typeof value === 'string' ? value : tags[tag] = textOf(value)
    const longest = TAGS[tag]
    if (longest !== undefined && text.length > longest && tag !== 'ai.location.ip') tags[tag] = cut(text, longest)
  }
  const ip = tags['ai.location.ip']
  if (ip !== undefined) tags['ai.location.ip'] = addressOf(ip as string)
}

/** @returns the IP address without port and zone; undefined if it isn't one */
export function addressOf (text: string): string | undefined {
  if (text.length > 100) return undefined
  if (isIPv4(text)) return text
  if (isIP(text) === 0) {
    const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1]
    return bare === undefined || isIP(bare) === 0 ? undefined : addressOf(bare)
  }
  const zone = text.indexOf('%')
  return zone === -1 ? text : text.slice(0, zone)
}

function fitFields (baseType: string, base: BaseData): void {
  const table = TABLES[baseType]
  if (table === undefined) return
  for (const field in table.longest) {
    const value = base[field]
    if (value === undefined || value === null) continue
    const text = typeof value === 'string' ? value : base[field] = textOf(value)
    if (text.length > table.longest[field]!) base[field] = cut(text, table.longest[field]!)
  }
  for (const field in table.required) if (isBlank(base[field])) base[field] = table.required[field]
  if (base.duration !== undefined || WITH_DURATION.has(baseType)) base.duration = timeSpan(base.duration)
}

/** Formats as `d.hh:mm:ss.fffffff`. Also takes milliseconds, and time spans that Azure would refuse: 60 seconds, 1,000 days. */
function timeSpan (duration: unknown): string {
  if (typeof duration === 'string' && TIME_SPAN.test(duration)) return duration
  const parts = typeof duration === 'string' ? /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(duration) : null
  const given = parts === null
    ? Number(duration)
    : (((Number(parts[1] ?? 0) * 24 + Number(parts[2])) * 60 + Number(parts[3])) * 60 + Number(parts[4])) * 1_000
  const whole = Math.trunc(given > 0 ? Math.min(given, DURATION - 1) : 0)
  const two = (part: number): string => String(Math.floor(part)).padStart(2, '0')
  const days = Math.floor(whole / 86_400_000)
  return `${days > 0 ? `${days}.` : ''}${two(whole / 3_600_000 % 24)}:${two(whole / 60_000 % 60)}:${two(whole / 1_000 % 60)}.${String(whole % 1_000).padStart(3, '0')}0000`
}

/** Azure refuses a blank message ("Field 'message' on type 'ExceptionDetails' is required but missing or empty"), so the type replaces it. */
function fitExceptions (given: unknown): unknown[] {
  const details = (Array.isArray(given) ? given : []).filter(isObject)
  if (details.length === 0) details.push({})
  for (const detail of details) {
    const type = isBlank(detail.typeName) ? NO_TYPE : textOf(detail.typeName)
    detail.typeName = cut(type, TYPE_NAME)
    detail.message = cut(isBlank(detail.message) ? type : textOf(detail.message), MESSAGE)
    if (detail.stack !== undefined && detail.stack !== null) detail.stack = cut(textOf(detail.stack), STACK)
  }
  return details
}

/** @returns false if there is no value, or one is NaN or infinite: Azure would refuse the row, and 0 would be wrong */
function fitMetrics (base: BaseData): boolean {
  const points = (Array.isArray(base.metrics) ? base.metrics : []).filter(isObject)
  for (const point of points) {
    if (!Number.isFinite(point.value)) return false
    point.name = isBlank(point.name) ? '(no name)' : cut(textOf(point.name), METRIC_NAME)
    for (const field of ['count', 'min', 'max', 'stdDev']) if (point[field] !== undefined && !Number.isFinite(point[field])) delete point[field]
  }
  base.metrics = points
  return points.length > 0
}

function fitProperties (properties: Record<string, unknown>): Record<string, unknown> {
  let large: Record<string, unknown> | undefined
  for (const name in properties) {
    if (name.length > PROPERTY_NAME || LARGE_PROPERTIES.has(name)) {
      // Large properties come last. Otherwise Azure would store nothing of the others.
      define(large ??= {}, shortName(name), properties[name])
      // The loop needs no check for inherited names: this is the exporter's own object.
      delete properties[name]
    } else if (typeof properties[name] !== 'string') {
      define(properties, name, textOf(properties[name]))
    }
  }
  if (large !== undefined) for (const name of Object.keys(large)) if (!Object.hasOwn(properties, name)) define(properties, name, textOf(large[name]))
  return properties
}

function fitMeasurements (base: BaseData): void {
  const { measurements } = base
  if (!isObject(measurements)) {
    delete base.measurements
    return
  }
  for (const name of Object.keys(measurements)) {
    const value = measurements[name]
    const isNumber = typeof value === 'number' && Number.isFinite(value)
    if (isNumber && name.length <= PROPERTY_NAME) continue
    delete measurements[name]
    if (isNumber) define(measurements, shortName(name), value)
  }
}

function shortName (name: string): string {
  return name.slice(0, PROPERTY_NAME).toWellFormed()
}

function define (object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}

function textOf (value: unknown): string {
  try {
    return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) ?? '' : String(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

function isBlank (value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
