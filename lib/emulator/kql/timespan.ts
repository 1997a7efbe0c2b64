/** Timespans, in ticks of 100 ns ↔ text, and the formats of format_datetime() and format_timespan(). */
import { invalid } from './errors'
import { parts, TICKS } from './datetime'
import { fromReal, negate, wrap, type Int } from './integers'

const UNITS: ReadonlyArray<[names: RegExp, ticks: number]> = [
  [/^(?:d|days?)$/i, TICKS.day],
  [/^(?:h|hrs?|hours?)$/i, TICKS.hour],
  [/^(?:m|mins?|minutes?)$/i, TICKS.minute],
  [/^(?:s|secs?|seconds?)$/i, TICKS.second],
  [/^(?:ms|millis?|milliseconds?)$/i, TICKS.millisecond],
  [/^(?:us|micros?|microseconds?)$/i, TICKS.microsecond],
  [/^(?:ns|nanos?|nanoseconds?)$/i, 0.01],
  [/^ticks?$/i, 1]
]
const LONGEST = 2n ** 63n

/** `[-][d.]hh:mm:ss[.fffffff]`, `1.5h`, or whole days. */
export function parseTimespan (text: string): Int | null {
  const unit = /^\s*(-?)\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text)
  if (unit !== null) {
    const ticks = UNITS.find(([names]) => names.test(unit[3]))?.[1]
    if (ticks === undefined) return null
    const value = fromReal(Math.round(Number(unit[2]) * ticks))
    return value === null ? null : unit[1] === '-' ? negate(value) : value
  }
  const match = /^\s*(-)?(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?\s*$/.exec(text)
  if (match === null) return /^\s*-?\d{1,8}\s*$/.test(text) ? Number(text) * TICKS.day : null
  const [, minus, days = '0', hours, minutes, seconds = '0', rest = ''] = match
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null
  const whole = ((BigInt(days) * 24n + BigInt(hours)) * 60n + BigInt(minutes)) * 60n + BigInt(seconds)
  const ticks = whole * 10_000_000n + BigInt(rest.padEnd(7, '0'))
  if (ticks > LONGEST || (ticks === LONGEST && minus === undefined)) return null
  return wrap(minus === undefined ? ticks : -ticks)
}

const pad = (value: bigint | number, width: number): string => String(value).padStart(width, '0')

export function formatTimespan (span: Int): string {
  const { minus, days, hours, minutes, seconds, ticks } = split(span)
  return `${minus}${days > 0n ? `${days}.` : ''}${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}${ticks > 0 ? `.${pad(ticks, 7)}` : ''}`
}

function split (span: Int) {
  const value = BigInt(span)
  const size = value < 0n ? -value : value
  const ofDay = Number(size % 864_000_000_000n)
  const inSeconds = Math.floor(ofDay / TICKS.second)
  return {
    minus: value < 0n ? '-' : '',
    days: size / 864_000_000_000n,
    hours: Math.floor(inSeconds / 3_600),
    minutes: Math.floor(inSeconds / 60) % 60,
    seconds: inSeconds % 60,
    ticks: ofDay % TICKS.second
  }
}

// Allowed between the fields of a format.
const SEPARATOR = /^[ /\-:,.[\]_]+$/

/** format_timespan(): d, h, m, s, f and F, with separators. */
export function formatSpanBy (span: Int, format: string): string {
  const { minus, days, hours, minutes, seconds, ticks } = split(span)
  const text = format.replace(/([dhHmsfF])\1*|[^dhHmsfF]+/g, part => {
    const width = part.length
    switch (part[0]) {
      case 'd': return pad(days, width)
      case 'h': case 'H': return pad(hours, width)
      case 'm': return pad(minutes, width)
      case 's': return pad(seconds, width)
      case 'f': return pad(ticks, 7).slice(0, width)
      case 'F': return pad(ticks, 7).slice(0, width).replace(/0+$/, '')
      default: if (SEPARATOR.test(part)) return part
    }
    throw invalid(`format_timespan() does not know the format '${format}'`)
  })
  return `${minus}${text}`
}

/** format_datetime(): d, f, F, h, H, m, M, s, t and y, with separators. */
export function formatTimeBy (time: Int, format: string): string {
  const { year, month, day, ticks } = parts(time)
  const inSeconds = Math.floor(ticks / TICKS.second)
  const hour = Math.floor(inSeconds / 3_600)
  return format.replace(/([dfFhHmMsty])\1*|[^dfFhHmMsty]+/g, part => {
    const width = part.length
    switch (part[0]) {
      case 'y': return width <= 2 ? pad(year % 100, width) : pad(year, width)
      case 'M': return pad(month, width)
      case 'd': return pad(day, width)
      case 'H': return pad(hour, width)
      case 'h': return pad(hour % 12 === 0 ? 12 : hour % 12, width)
      case 'm': return pad(Math.floor(inSeconds / 60) % 60, width)
      case 's': return pad(inSeconds % 60, width)
      case 'f': return pad(ticks % TICKS.second, 7).slice(0, width)
      case 'F': return pad(ticks % TICKS.second, 7).slice(0, width).replace(/0+$/, '')
      case 't': return (hour < 12 ? 'AM' : 'PM').slice(0, width)
      default: if (SEPARATOR.test(part)) return part
    }
    throw invalid(`format_datetime() does not know the format '${format}'`)
  })
}
