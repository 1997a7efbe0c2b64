/** A cell of one type → another, like tolong(), tostring() and so on: null if it can't be converted. */
import { Decimal } from './decimal'
import { EPOCH_MS, formatDatetime, parseDatetime, SINCE_YEAR_1, within } from './datetime'
import { realText, toDynamic, toJson } from './dynamic'
import { add, fromReal, subtract, toInt32, wrap, type Int } from './integers'
import { parseJson } from './json'
import { formatTimespan, parseTimespan } from './timespan'
import { Double, isInteger, numberIn, type Scalar, type Value } from './values'

const MAX_LONG = 2n ** 63n

export function convert (value: Value, from: Scalar, to: Scalar): Value {
  if (from === to && to !== 'dynamic') return value
  if (value === null) return to === 'string' ? '' : null
  switch (to) {
    case 'string': return toText(value, from)
    case 'long': return toLong(value, from)
    case 'int': return toInt(value, from)
    case 'real': return toReal(value, from)
    case 'decimal': return toDecimal(value, from)
    case 'bool': return toBool(value, from)
    case 'datetime': return toDatetime(value, from)
    case 'timespan': return toTimespan(value, from)
    case 'guid': return toGuid(value)
    case 'dynamic': return toDynamic(value, from)
  }
}

export function toText (value: Value, from: Scalar): string {
  if (value === null) return ''
  switch (from) {
    case 'string': case 'guid': return value as string
    case 'bool': return value === true ? 'True' : 'False'
    case 'real': return realText(value as number)
    case 'datetime': return formatDatetime(value as Int)
    case 'timespan': return formatTimespan(value as Int)
    case 'dynamic': return typeof value === 'string' ? value : toJson(value)
    default: return String(value)
  }
}

/** An integer in text: decimal or hexadecimal, surrounding spaces allowed. */
function integerIn (text: string, bits: 32 | 64): Int | null {
  const hex = /^\s*0x([0-9a-f]{1,16})\s*$/i.exec(text)
  if (hex !== null) {
    const value = BigInt(`0x${hex[1]}`)
    return value < 2n ** BigInt(bits) ? wrap(BigInt.asIntN(bits, value)) : null
  }
  if (!/^\s*[+-]?\d{1,40}\s*$/.test(text)) return null
  const value = BigInt(text.trim().replace(/^\+/, ''))
  return BigInt.asIntN(bits, value) === value ? wrap(value) : null
}

function toLong (value: Value, from: Scalar): Int | null {
  if (typeof value === 'string') return integerIn(value, 64)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (from === 'real') return fromReal(value as number)
  if (from === 'datetime') return add(value as Int, SINCE_YEAR_1)
  if (value instanceof Decimal) return value.toBigInt() < MAX_LONG && value.toBigInt() >= -MAX_LONG ? wrap(value.toBigInt()) : null
  if (value instanceof Double) return saturated(value.value, 64)
  if (typeof value === 'number') return Number.isInteger(value) ? value : fromReal(value)
  return typeof value === 'bigint' ? value : null
}

/** Inside a dynamic value, a double that is too large becomes the largest integer. */
function saturated (value: number, bits: 32 | 64): Int | null {
  if (Number.isNaN(value)) return null
  const limit = 2 ** (bits - 1)
  if (value >= limit) return wrap(2n ** BigInt(bits - 1) - 1n)
  return value <= -limit ? wrap(-(2n ** BigInt(bits - 1))) : fromReal(value)
}

function toInt (value: Value, from: Scalar): Value {
  if (typeof value === 'string') return integerIn(value, 32)
  if (value instanceof Double) return saturated(value.value, 32)
  const long = toLong(value, from)
  return long === null ? null : toInt32(long)
}

function toReal (value: Value, from: Scalar): number | null {
  if (typeof value === 'string') return realFrom(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  if (from === 'datetime') return Number(add(value as Int, SINCE_YEAR_1))
  return numberIn(value)
}

export function realFrom (text: string): number | null {
  const trimmed = text.trim()
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed)
  if (/^nan$/i.test(trimmed)) return NaN
  const infinite = /^([+-]?)(?:inf|infinity)$/i.exec(trimmed)
  return infinite === null ? null : infinite[1] === '-' ? -Infinity : Infinity
}

function toDecimal (value: Value, from: Scalar): Decimal | null {
  if (typeof value === 'string') return Decimal.from(value)
  if (value instanceof Decimal) return value
  if (typeof value === 'bigint') return Decimal.fromNumber(value)
  const number = toReal(value, from)
  return number === null ? null : Decimal.fromNumber(number)
}

function toBool (value: Value, from: Scalar): boolean | null {
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (/^true$/i.test(value)) return true
    if (/^false$/i.test(value)) return false
    const long = integerIn(value, 64)
    return long === null ? null : long !== 0
  }
  if (value instanceof Decimal) return value.unscaled !== 0n
  if (typeof value === 'bigint') return true
  const number = isInteger(from) ? value as number : numberIn(value)
  return number === null ? null : number !== 0
}

function toDatetime (value: Value, from: Scalar): Int | null {
  if (from === 'datetime') return value as Int
  if (typeof value === 'string') return parseDatetime(value)
  const number = from === 'real' ? fromReal(value as number) : toLong(value, from)
  if (number === null) return null
  return from === 'dynamic' || isInteger(from) || from === 'real' ? within(fromTicks(number)) : null
}

/** The unit of a number as a time depends on its size: seconds, ms, µs since 1970, or ticks since the year 1. */
function fromTicks (number: Int): Int {
  return subtract(number, SINCE_YEAR_1)
}

export function unixTime (value: number, ticksPerUnit: number): Int | null {
  const ticks = fromReal(value * ticksPerUnit)
  return ticks === null ? null : within(subtract(ticks, EPOCH_MS * 1e4))
}

function toTimespan (value: Value, from: Scalar): Int | null {
  if (from === 'timespan') return value as Int
  if (typeof value === 'string') return parseTimespan(value)
  return from === 'real' ? fromReal(value as number) : toLong(value, from)
}

function toGuid (value: Value): string | null {
  if (typeof value !== 'string') return null
  const text = value.trim().replace(/^\{(.*)\}$/, '$1').toLowerCase()
  if (/^[0-9a-f]{32}$/.test(text)) return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null
}

/** A piece of text, as from parse, parse-kv and extract() → a cell. */
export function fromText (text: string, type: Scalar): Value {
  return type === 'dynamic' ? parsed(text, 'string') : convert(text, 'string', type)
}

/** todynamic(): the value of a JSON text; any other text is returned unchanged. */
export function parsed (value: Value, from: Scalar): Value {
  if (typeof value !== 'string' || from !== 'string') return toDynamic(value, from)
  if (value === '') return null
  const json = parseJson(value)
  return json === undefined ? value : json.value
}
