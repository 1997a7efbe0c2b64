/** Values → what a person reads. */
import type { RowType } from '../rows'
import { timeZone } from './zone'

/** Kinds in the order in which people look for them. */
export const KINDS: Array<{ type: RowType, one: string, many: string, table: string }> = [
  { type: 'request', one: 'Request', many: 'Requests', table: 'requests' },
  { type: 'dependency', one: 'Dependency', many: 'Dependencies', table: 'dependencies' },
  { type: 'trace', one: 'Trace', many: 'Traces', table: 'traces' },
  { type: 'exception', one: 'Exception', many: 'Exceptions', table: 'exceptions' },
  { type: 'event', one: 'Event', many: 'Events', table: 'customEvents' },
  { type: 'pageView', one: 'Page view', many: 'Page views', table: 'pageViews' },
  { type: 'browserTiming', one: 'Browser timing', many: 'Browser timings', table: 'browserTimings' },
  { type: 'availability', one: 'Availability', many: 'Availability', table: 'availabilityResults' },
  { type: 'metric', one: 'Metric', many: 'Metrics', table: 'customMetrics' },
  { type: 'performanceCounter', one: 'Counter', many: 'Counters', table: 'performanceCounters' }
]

/** Kinds that come by the clock and not because something happened: the list leaves them out unless asked. */
export const BY_THE_CLOCK: readonly RowType[] = ['metric', 'performanceCounter']

export const SEVERITIES = ['Verbose', 'Information', 'Warning', 'Error', 'Critical']

export function kindName (type: RowType): string {
  return KINDS.find(kind => kind.type === type)?.one ?? type
}

export function duration (ms: number | undefined): string {
  if (ms === undefined) return ''
  if (ms === 0) return '0 ms'
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 100) return `${ms.toFixed(1)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round(ms % 60_000 / 1_000)} s`
}

const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
const formats = new Map<string, Intl.DateTimeFormat>()

function format (name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${name} ${timeZone()}`
  const known = formats.get(key) ?? new Intl.DateTimeFormat(undefined, { ...options, timeZone: timeZone() })
  formats.set(key, known)
  return known
}

export function clock (time: number): string {
  return format('clock', { ...CLOCK, fractionalSecondDigits: 3 }).format(time)
}

export function day (time: number): string {
  return format('day', { month: 'short', day: 'numeric' }).format(time)
}

/** With the day where it is not today. */
export function moment (time: number): string {
  return day(time) === day(Date.now()) ? clock(time) : `${day(time)} ${clock(time)}`
}

/** The same to the second, where thousandths say nothing. */
export function second (time: number): string {
  const clock = format('second', CLOCK).format(time)
  return day(time) === day(Date.now()) ? clock : `${day(time)} ${clock}`
}

/** As exact as the marks of an axis are apart. */
export function tick (time: number, apart: number): string {
  if (apart >= 86_400_000) return day(time)
  if (apart >= 60_000) return format('minute', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(time)
  return apart >= 1_000 ? format('second', CLOCK).format(time) : clock(time)
}

export function ago (time: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - time) / 1_000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)} h ago` : second(time)
}

const countFormat = new Intl.NumberFormat()
const compactFormat = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 4 })
const shortFormat = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 })

export function count (value: number): string {
  return countFormat.format(value)
}

export function size (bytes: number): string {
  const by = (divisor: number, unit: string) => `${(bytes / divisor).toFixed(bytes / divisor < 100 ? 1 : 0)} ${unit}`
  if (Math.abs(bytes) < 1_000) return `${Math.round(bytes)} B`
  if (Math.abs(bytes) < 1e6) return by(1_000, 'kB')
  return Math.abs(bytes) < 1e9 ? by(1e6, 'MB') : by(1e9, 'GB')
}

export function plural (value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

export function percent (share: number): string {
  const value = share * 100
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} %`
}

export function short (value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(2)
  return Math.abs(value) >= 100_000 ? compactFormat.format(value) : shortFormat.format(value)
}

export type Unit = 'bytes' | 'percent' | 'ratio' | 'ms' | 's' | ''

/** A metric's unit does not travel with it; the usual names tell. */
export function unitOf (name: string): Unit {
  if (/^(?:requests|dependencies)\/duration$/.test(name)) return 'ms'
  if (/utili[sz]ation$|\bratio$/i.test(name)) return 'ratio'
  if (/%|percent|Process_Time/i.test(name)) return 'percent'
  if (/bytes|memory|heap|\brss\b|_size$|\.size$/i.test(name) && !/count|objects|utili/i.test(name)) return 'bytes'
  if (/(?:^|[._ ])(?:ms|milliseconds|millis)$/i.test(name)) return 'ms'
  // OpenTelemetry counts time in seconds.
  if (/(?:duration|delay|latency|time)(?:\.(?:mean|min|max|p\d+|stddev))?$/i.test(name)) return 's'
  return ''
}

export function quantity (value: number, unit: Unit): string {
  switch (unit) {
    case 'bytes': return size(value)
    case 'percent': return `${short(value)} %`
    case 'ratio': return percent(value)
    case 'ms': return duration(value)
    case 's': return duration(value * 1_000)
    default: return short(value)
  }
}
