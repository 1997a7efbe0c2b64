/** Points in time and durations → OpenTelemetry's pairs of seconds and nanoseconds. */
import type { HrTime, TimeInput } from '@opentelemetry/api'

const NANOSECONDS = 1e9

export function isTime (value: unknown): value is TimeInput {
  return typeof value === 'number' || value instanceof Date || isHrTime(value)
}

function isHrTime (value: unknown): value is HrTime {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'number' && typeof value[1] === 'number'
}

/** @param milliseconds since 1970, or of a duration; not negative */
export function hrTimeOfMillis (milliseconds: number): HrTime {
  const seconds = Math.trunc(milliseconds / 1_000)
  const nanoseconds = Math.round((milliseconds - seconds * 1_000) * 1e6)
  return nanoseconds < NANOSECONDS ? [seconds, nanoseconds] : [seconds + 1, 0]
}

/** What is no point in time is now; a number is of `performance.now()` where it is too small to be one since 1970. */
export function hrTimeOf (time: TimeInput): HrTime {
  if (isHrTime(time)) return time
  const milliseconds = Number(time)
  if (!Number.isFinite(milliseconds)) return hrTimeOfMillis(Date.now())
  return milliseconds < performance.timeOrigin / 2 ? after(hrTimeOfMillis(performance.timeOrigin), Math.max(0, milliseconds)) : hrTimeOfMillis(milliseconds)
}

export function after (start: HrTime, milliseconds: number): HrTime {
  const [seconds, nanoseconds] = hrTimeOfMillis(milliseconds)
  const sum = start[1] + nanoseconds
  return sum < NANOSECONDS ? [start[0] + seconds, sum] : [start[0] + seconds + 1, sum - NANOSECONDS]
}

/** Negative seconds where `end` is before `start`. */
export function between (start: HrTime, end: HrTime): HrTime {
  const nanoseconds = end[1] - start[1]
  return nanoseconds < 0 ? [end[0] - start[0] - 1, nanoseconds + NANOSECONDS] : [end[0] - start[0], nanoseconds]
}
