/** Dynamic values: JSON text ↔ values that keep what JSON.parse loses (key order, big integers, 1.0), and paths into them. */
import { Decimal } from './decimal'
import { formatDatetime } from './datetime'
import { wrap, type Int } from './integers'
import { formatTimespan } from './timespan'
import { Double, isBag, JsonText, realIn, type Scalar, type Value } from './values'

const DEEPEST = 200

/** Nothing where the text is no JSON. */
export function parseJson (text: string): { value: Value } | undefined {
  let at = 0
  const space = (): void => { while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++ }

  function string (): string | undefined {
    const quote = text[at]
    let end = at + 1
    while (end < text.length && text[end] !== quote) end += text[end] === '\\' ? 2 : 1
    if (end >= text.length) return undefined
    const raw = text.slice(at + 1, end)
    at = end + 1
    if (quote === '"' && !raw.includes('\\')) return raw
    try {
      const parsed: unknown = JSON.parse(`"${quote === "'" ? raw.replace(/"/g, '\\"').replace(/\\'/g, "'") : raw}"`)
      return parsed as string
    } catch {
      return undefined
    }
  }

  function number (): Value | undefined {
    const match = /^-?\d+(\.\d+)?([eE][+-]?\d+)?/.exec(text.slice(at, at + 400))
    if (match === null) return undefined
    at += match[0].length
    if (match[1] !== undefined || match[2] !== undefined) return realIn(Number(match[0]))
    const whole = BigInt(match[0])
    return BigInt.asIntN(64, whole) === whole ? wrap(whole) : realIn(Number(match[0]))
  }

  function list (depth: number): Value[] | undefined {
    const values: Value[] = []
    at++
    space()
    if (text[at] === ']') { at++; return values }
    while (true) {
      const value = any(depth + 1)
      if (value === undefined) return undefined
      values.push(value)
      space()
      const next = text[at++]
      if (next === ']') return values
      if (next !== ',') return undefined
    }
  }

  function bag (depth: number): Map<string, Value> | undefined {
    const pairs = new Map<string, Value>()
    at++
    space()
    if (text[at] === '}') { at++; return pairs }
    while (true) {
      space()
      const key = text[at] === '"' || text[at] === "'" ? string() : undefined
      space()
      if (key === undefined || text[at++] !== ':') return undefined
      const value = any(depth + 1)
      if (value === undefined) return undefined
      pairs.set(key, value)
      space()
      const next = text[at++]
      if (next === '}') return pairs
      if (next !== ',') return undefined
    }
  }

  function word (expected: string, value: Value): Value | undefined {
    if (!text.startsWith(expected, at)) return undefined
    at += expected.length
    return value
  }

  function any (depth: number): Value | undefined {
    if (depth > DEEPEST) return undefined
    space()
    switch (text[at]) {
      case '{': return bag(depth)
      case '[': return list(depth)
      case '"': case "'": return string()
      case 't': return word('true', true)
      case 'f': return word('false', false)
      case 'n': return word('null', null)
      default: return number()
    }
  }

  const value = any(0)
  space()
  return value === undefined || at < text.length ? undefined : { value }
}

/** What JSON.parse gave → value. */
export function fromPlain (plain: unknown): Value {
  if (typeof plain === 'string' || typeof plain === 'boolean') return plain
  if (typeof plain === 'number') return Number.isSafeInteger(plain) ? plain : realIn(plain)
  if (Array.isArray(plain)) return plain.map(fromPlain)
  if (typeof plain === 'object' && plain !== null) return new Map(Object.entries(plain).map(([key, value]) => [key, fromPlain(value)]))
  return null
}

/** What a stored row keeps as text → the value itself. */
export function resolved (value: Value): Value {
  return value instanceof JsonText ? fromPlain(JSON.parse(value.text)) : value
}

/** Value → what JSON has for it. */
export function toPlain (value: Value): unknown {
  if (isBag(value)) return Object.fromEntries([...value].map(([key, part]) => [key, toPlain(part)]))
  if (Array.isArray(value)) return value.map(toPlain)
  if (value instanceof Double) return Number.isFinite(value.value) ? value.value : String(value.value)
  if (value instanceof Decimal) return value.toNumber()
  return typeof value === 'bigint' ? Number(value) : value
}

/** Value → compact JSON text, as tostring() gives it. */
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

/** A cell of any type → the same as part of a dynamic value. */
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

/** `bag.key`, `bag['key']`, `list[2]`, `list[-1]`. Nothing where there is nothing. */
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
