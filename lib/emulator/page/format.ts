/** Values → what a person reads. */
import type { RowType } from '../rows'

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

export const SEVERITIES = ['Verbose', 'Information', 'Warning', 'Error', 'Critical']

export function kindName (type: RowType): string {
  return KINDS.find(kind => kind.type === type)?.one ?? type
}

export function duration (ms: number | undefined): string {
  if (ms === undefined) return ''
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 100) return `${ms.toFixed(1)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round(ms % 60_000 / 1_000)} s`
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23' })
const dayFormat = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' })
const countFormat = new Intl.NumberFormat()

export function clock (time: number): string {
  return clockFormat.format(time)
}

/** With the day where it is not today. */
export function moment (time: number): string {
  const today = new Date().toDateString() === new Date(time).toDateString()
  return today ? clock(time) : `${dayFormat.format(time)} ${clock(time)}`
}

export function count (value: number): string {
  return countFormat.format(value)
}

export function size (bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

export function plural (value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}
