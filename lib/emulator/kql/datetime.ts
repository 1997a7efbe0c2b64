/** Ticks ↔ calendar and text. A tick is 100 ns; datetimes count from 2020-01-01, see values.ts. */
import { add, modulo, multiply, subtract, type Int } from './integers'

export const TICKS = { microsecond: 10, millisecond: 1e4, second: 1e7, minute: 6e8, hour: 36e9, day: 864e9, week: 6048e9 } as const
/** Days from 1970-01-01 to 2020-01-01, the day that ticks count from. */
const EPOCH_DAY = 18_262
export const EPOCH_MS = EPOCH_DAY * 86_400_000
/** Ticks from 0001-01-01 to that day: tolong(datetime) and bin() count from the year 1. */
export const SINCE_YEAR_1 = multiply(737_424, TICKS.day)
const FIRST = -737_424
const LAST = 2_914_635

export interface Parts { year: number, month: number, day: number, /** Of the day. */ ticks: number }

/** Days since 2020-01-01, and ticks within that day. */
export function splitDay (time: Int): [day: number, ticks: number] {
  const ticks = Number(modulo(time, TICKS.day))
  return [Number(subtract(time, ticks)) / TICKS.day, ticks]
}

/** Null if the day is outside the years 1 to 9999. */
export function fromDay (day: number, ticks: number): Int | null {
  return day < FIRST || day >= LAST ? null : add(multiply(day, TICKS.day), ticks)
}

export function within (time: Int): Int | null {
  const [day] = splitDay(time)
  return day < FIRST || day >= LAST ? null : time
}

export function fromMilliseconds (ms: number): Int {
  return Math.round((ms - EPOCH_MS) * 1e4)
}

/** The calendar date for a day count, using the usual algorithm with years that start in March. */
export function parts (time: Int): Parts {
  const [days, ticks] = splitDay(time)
  const z = days + EPOCH_DAY + 719_468
  const era = Math.floor(z / 146_097)
  const ofEra = z - era * 146_097
  const yearOfEra = Math.floor((ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365)
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const march = Math.floor((5 * ofYear + 2) / 153)
  const month = march < 10 ? march + 3 : march - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: ofYear - Math.floor((153 * march + 2) / 5) + 1, ticks }
}

/** Days since 2020-01-01 for a calendar date; months outside 1 to 12 carry over into other years. */
export function dayOf (year: number, month: number, day: number): number {
  const y = year + Math.floor((month - 1) / 12)
  const m = ((month - 1) % 12 + 12) % 12 + 1
  const shifted = m <= 2 ? y - 1 : y
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const ofYear = Math.floor((153 * (m > 2 ? m - 3 : m + 9) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + ofYear - 719_468 - EPOCH_DAY
}

export function daysInMonth (year: number, month: number): number {
  return dayOf(year, month + 1, 1) - dayOf(year, month, 1)
}

/** 0 is Sunday. 2020-01-01 was a Wednesday. */
export function weekday (day: number): number {
  return ((day + 3) % 7 + 7) % 7
}

export function make (year: number, month: number, day: number, hour = 0, minute = 0, second = 0, fraction = 0): Int | null {
  if (!(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month))) return null
  if (!(hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60)) return null
  return fromDay(dayOf(year, month, day), (hour * 3_600 + minute * 60 + second) * TICKS.second + fraction)
}

const pad = (value: number, width: number): string => String(value).padStart(width, '0')

/** `2024-01-02T03:04:05.0000000Z`, always with seven digits. */
export function formatDatetime (time: Int): string {
  const { year, month, day, ticks } = parts(time)
  const seconds = Math.floor(ticks / TICKS.second)
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${pad(Math.floor(seconds / 3_600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(ticks % TICKS.second, 7)}Z`
}

const ISO = /^\s*(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:(?:[T\s]+)(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?|UTC|GMT)?\s*$/i
const COMPACT = /^\s*(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?Z?\s*$/
const AMERICAN = /^\s*(\d{1,2})\/(\d{1,2})\/(\d{4})(?:\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?\s*(AM|PM)?)?\s*Z?\s*$/i
const NAMED = /^\s*(?:[a-z]{3,9},?\s+)?(\d{1,2})[ -]([a-z]{3})[a-z]*[ -](\d{2,4})(?:\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?)?\s*(Z|[+-]\d{2}:?\d{2}|UTC|GMT)?\s*$/i
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

function offset (zone: string | undefined): number {
  const match = zone === undefined ? null : /^([+-])(\d{2}):?(\d{2})?$/.exec(zone)
  return match === null ? 0 : (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3] ?? 0)) * TICKS.minute
}

const fraction = (digits: string | undefined): number => digits === undefined ? 0 : Number(digits.padEnd(7, '0').slice(0, 7))

/** Parses the formats that the engine accepts: ISO 8601 and its parts, RFC 822, and month/day/year. */
export function parseDatetime (text: string): Int | null {
  let match = ISO.exec(text)
  if (match !== null) {
    const [, y, m, d = '1', h = '0', min = '0', s = '0', f, zone] = match
    const midnight = h === '24' && Number(min) === 0 && Number(s) === 0
    const time = make(Number(y), Number(m), Number(d), midnight ? 0 : Number(h), Number(min), Number(s), fraction(f))
    return time === null ? null : within(add(subtract(time, offset(zone)), midnight ? TICKS.day : 0))
  }
  match = COMPACT.exec(text)
  if (match !== null) return make(Number(match[1]), Number(match[2]), Number(match[3]), Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0))
  match = AMERICAN.exec(text)
  if (match !== null) {
    const [, m, d, y, h = '0', min = '0', s = '0', f, half] = match
    const hour = half === undefined ? Number(h) : Number(h) % 12 + (/pm/i.test(half) ? 12 : 0)
    return make(Number(y), Number(m), Number(d), hour, Number(min), Number(s), fraction(f))
  }
  match = NAMED.exec(text)
  if (match === null) return /^\s*\d{4}\s*$/.test(text) ? make(Number(text), 1, 1) : null
  const [, d, name, y, h = '0', min = '0', s = '0', f, zone] = match
  const year = y.length === 2 ? 2_000 + Number(y) : Number(y)
  const time = make(year, MONTHS.indexOf(name.toLowerCase()) + 1, Number(d), Number(h), Number(min), Number(s), fraction(f))
  return time === null ? null : within(subtract(time, offset(zone)))
}
