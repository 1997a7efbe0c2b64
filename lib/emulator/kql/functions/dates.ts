/** Functions for datetimes and timespans. */
import { dayOf, daysInMonth, fromDay, fromMilliseconds, make, parts, SINCE_YEAR_1, splitDay, TICKS, weekday, within } from '../datetime'
import { invalid } from '../errors'
import { cast, valueOf, type ScalarFunction } from '../expression'
import { unixTime } from '../convert'
import { add, floorTo, fromReal, multiply, subtract, type Int } from '../integers'
import { formatSpanBy, formatTimeBy } from '../timespan'
import type { Value } from '../values'
import { over } from './define'

type Period = 'day' | 'week' | 'month' | 'year'

/** The first day of the period containing a time, moved by `offset` periods. */
function firstDay (time: Int, period: Period, offset: number): number {
  const [day] = splitDay(time)
  const { year, month } = parts(time)
  switch (period) {
    case 'day': return day + offset
    case 'week': return day - weekday(day) + offset * 7
    case 'month': return dayOf(year, month + offset, 1)
    case 'year': return dayOf(year + offset, 1, 1)
  }
}

const startOf = (period: Period): ScalarFunction => over(['datetime', 'long'], (time: Int, offset = 0) => fromDay(firstDay(time, period, offset), 0))
const endOf = (period: Period): ScalarFunction => over(['datetime', 'long'], (time: Int, offset = 0) => fromDay(firstDay(time, period, offset + 1) - 1, TICKS.day - 1))

/** ISO 8601: weeks start on Monday, and week 1 contains January 4th. */
function isoWeek (time: Int): number {
  const [day] = splitDay(time)
  const thursday = day - (weekday(day) + 6) % 7 + 3
  const { year } = parts(multiply(thursday, TICKS.day))
  return Math.floor((thursday - dayOf(year, 1, 1)) / 7) + 1
}

function addMonths (time: Int, months: number): Int | null {
  const { year, month, day, ticks } = parts(time)
  const first = dayOf(year, month + months, 1)
  const target = parts(multiply(first, TICKS.day))
  return fromDay(first + Math.min(day, daysInMonth(target.year, target.month)) - 1, ticks)
}

const UNITS: Readonly<Record<string, number>> = { ...TICKS, nanosecond: 0.01 }

function addPeriods (period: string, amount: number, time: Int): Int | null {
  const name = period.toLowerCase()
  if (name === 'year') return addMonths(time, amount * 12)
  if (name === 'quarter') return addMonths(time, amount * 3)
  if (name === 'month') return addMonths(time, amount)
  const unit = UNITS[name]
  if (unit === undefined) throw invalid(`datetime_add() does not know the period '${period}'`)
  return within(add(time, unit < 1 ? fromReal(amount * unit) ?? 0 : multiply(amount, unit)))
}

/** The number of period boundaries between two times. */
function difference (period: string, a: Int, b: Int): Value {
  const name = period.toLowerCase()
  const [x, y] = [parts(a), parts(b)]
  if (name === 'year') return x.year - y.year
  if (name === 'quarter') return (x.year - y.year) * 4 + Math.floor((x.month - 1) / 3) - Math.floor((y.month - 1) / 3)
  if (name === 'month') return (x.year - y.year) * 12 + x.month - y.month
  if (name === 'week') return (firstDay(a, 'week', 0) - firstDay(b, 'week', 0)) / 7
  const unit = UNITS[name]
  if (unit === undefined) throw invalid(`datetime_diff() does not know the period '${period}'`)
  if (unit < 1) return multiply(subtract(a, b), 100)
  const [first, second] = [floorTo(add(a, SINCE_YEAR_1), unit), floorTo(add(b, SINCE_YEAR_1), unit)] as [Int, Int]
  return Number(subtract(first, second)) / unit
}

const ofDay = (unit: number, within: number): ScalarFunction => over(['datetime'], (time: Int) => Math.floor(splitDay(time)[1] / unit) % within)

function datePart (name: string, time: Int): Value {
  const { year, month, day, ticks } = parts(time)
  switch (name.toLowerCase()) {
    case 'year': return year
    case 'quarter': return Math.floor((month - 1) / 3) + 1
    case 'month': return month
    case 'week_of_year': case 'weekofyear': return isoWeek(time)
    case 'day': return day
    case 'dayofyear': return splitDay(time)[0] - dayOf(year, 1, 1) + 1
    case 'hour': return Math.floor(ticks / TICKS.hour)
    case 'minute': return Math.floor(ticks / TICKS.minute) % 60
    case 'second': return Math.floor(ticks / TICKS.second) % 60
    case 'millisecond': return Math.floor(ticks / TICKS.millisecond) % 1e3
    case 'microsecond': return Math.floor(ticks / TICKS.microsecond) % 1e6
    case 'nanosecond': return ticks % TICKS.second * 100
    default: throw invalid(`datetime_part() does not know the part '${name}'`)
  }
}

function makeDatetime (year: number, month: number, day: number, hour = 0, minute = 0, second = 0): Value {
  const whole = Math.floor(second)
  return make(year, month, day, hour, minute, whole, Math.round((second - whole) * TICKS.second))
}

const makeTimespan: ScalarFunction = call => over(['real'], (...given: number[]) => {
  const [days, hours, minutes, seconds] = given.length === 4 ? given : [0, given[0], given[1], given[2] ?? 0]
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds >= 60) return null
  return fromReal(Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * TICKS.second))
})(call)

const now: ScalarFunction = ({ args: [offset], context }) => {
  const time = context.scope.run.now
  const shift = offset === undefined ? 0 : valueOf(cast(offset, 'timespan')) as Int | null
  return () => shift === null ? null : within(add(time, shift))
}

const ago: ScalarFunction = ({ args: [span], context }) => {
  const time = context.scope.run.now
  const { of } = cast(span, 'timespan')
  return row => { const given = of(row); return given === null ? null : within(subtract(time, given as Int)) }
}

export const dates: Readonly<Record<string, ScalarFunction>> = {
  now,
  ago,
  startofday: startOf('day'),
  startofweek: startOf('week'),
  startofmonth: startOf('month'),
  startofyear: startOf('year'),
  endofday: endOf('day'),
  endofweek: endOf('week'),
  endofmonth: endOf('month'),
  endofyear: endOf('year'),
  dayofweek: over(['datetime'], (time: Int) => multiply(weekday(splitDay(time)[0]), TICKS.day)),
  dayofmonth: over(['datetime'], (time: Int) => parts(time).day),
  dayofyear: over(['datetime'], (time: Int) => datePart('dayofyear', time)),
  week_of_year: over(['datetime'], isoWeek),
  weekofyear: over(['datetime'], isoWeek),
  monthofyear: over(['datetime'], (time: Int) => parts(time).month),
  getmonth: over(['datetime'], (time: Int) => parts(time).month),
  getyear: over(['datetime'], (time: Int) => parts(time).year),
  hourofday: ofDay(TICKS.hour, 24),
  datetime_add: over(['string', 'long', 'datetime'], addPeriods),
  datetime_diff: over(['string', 'datetime'], difference),
  datetime_part: over(['string', 'datetime'], datePart),
  datepart: over(['string', 'datetime'], datePart),
  make_datetime: over(['real'], makeDatetime),
  make_timespan: makeTimespan,
  format_datetime: over(['datetime', 'string'], formatTimeBy),
  format_timespan: over(['timespan', 'string'], formatSpanBy),
  unixtime_seconds_todatetime: over(['real'], (value: number) => unixTime(value, TICKS.second)),
  unixtime_milliseconds_todatetime: over(['real'], (value: number) => unixTime(value, TICKS.millisecond)),
  unixtime_microseconds_todatetime: over(['real'], (value: number) => unixTime(value, TICKS.microsecond)),
  unixtime_nanoseconds_todatetime: over(['real'], (value: number) => unixTime(value, 0.01)),
  datetime_utc_to_local: over(['datetime', 'string'], (time: Int, zone: string) => zoned(time, zone, 1)),
  datetime_local_to_utc: over(['datetime', 'string'], (time: Int, zone: string) => zoned(time, zone, -1))
}

/** Shifts by the time zone's UTC offset at that time. */
function zoned (time: Int, zone: string, sign: 1 | -1): Value {
  const utc = Math.floor(Number(subtract(time, fromMilliseconds(0))) / TICKS.millisecond)
  try {
    const fields = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(utc)
    const field = (name: string): number => Number(fields.find(each => each.type === name)?.value)
    const local = Date.UTC(field('year'), field('month') - 1, field('day'), field('hour'), field('minute'), field('second'))
    const ahead = local - Math.floor(utc / 1_000) * 1_000
    return within(add(time, sign * ahead * TICKS.millisecond))
  } catch {
    throw invalid(`'${zone}' is not a time zone`)
  }
}
