/** Dynamic values ↔ their JSON form, and paths into them. */
import { Decimal } from './decimal'
import { formatDatetime } from './datetime'
import type { Int } from './integers'
import { formatTimespan } from './timespan'
import { Double, isBag, JsonText, realIn, type Scalar, type Value } from './values'

/** A JSON.parse result → value. */
export function fromPlain (plain: unknown): Value {
  if (typeof plain === 'string' || typeof plain === 'boolean') return plain
  if (typeof plain === 'number') return Number.isSafeInteger(plain) ? plain : realIn(plain)
  if (Array.isArray(plain)) return plain.map(fromPlain)
  if (typeof plain === 'object' && plain !== null) return new Map(Object.entries(plain).map(([key, value]) => [key, fromPlain(value)]))
  return null
}

/** A stored row's JSON text → the value itself. */
export function resolved (value: Value): Value {
  return value instanceof JsonText ? fromPlain(JSON.parse(value.text)) : value
}

/** Value → its JSON form. */
export function toPlain (value: Value): unknown {
  if (isBag(value)) return Object.fromEntries([...value].map(([key, part]) => [key, toPlain(part)]))
  if (Array.isArray(value)) return value.map(toPlain)
  if (value instanceof Double) return Number.isFinite(value.value) ? value.value : String(value.value)
  if (value instanceof Decimal) return value.toNumber()
  return typeof value === 'bigint' ? Number(value) : value
}

/** Value → compact JSON text, as from tostring(). */
export function toJson (value: Value, sorted = false): string {
  if (isBag(value)) {
    const pairs = sorted ? [...value].sort(([a], [b]) => a < b ? -1 : 1) : [...value]
    return `{${pairs.map(([key, part]) => `${JSON.stringify(key)}:${toJson(part, sorted)}`).join(',')}}`
  }
  if (Array.isArray(value)) return `[${value.map(part => toJson(part, sorted)).join(',')}]`
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Double) return Number.isFinite(value.value) ? realText(value.value) : `"${value.value}"`
  return String(value)
}

export function realText (value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Object.is(value, -0)) return '-0.0'
  const text = String(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** A cell of any type → the same value inside a dynamic one. */
export function toDynamic (value: Value, type: Scalar): Value {
  if (value === null) return null
  switch (type) {
    case 'real': return realIn(value as number)
    case 'datetime': return formatDatetime(value as Int)
    case 'timespan': return formatTimespan(value as Int)
    case 'decimal': return String(value)
    default: return value
  }
}

/** `bag.key`, `bag['key']`, `list[2]`, `list[-1]`. Null if there is none. */
export function member (value: Value, key: Value): Value {
  if (isBag(value)) return typeof key === 'string' ? value.get(key) ?? null : null
  if (Array.isArray(value) && typeof key === 'number') return value[key < 0 ? value.length + key : key] ?? null
  return null
}

export function typeName (value: Value): string {
  if (value === null) return 'null'
  if (isBag(value)) return 'dictionary'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'bigint') return 'long'
  return typeof value === 'number' && Number.isInteger(value) ? 'long' : 'double'
}
