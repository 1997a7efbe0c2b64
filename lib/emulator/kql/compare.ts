/** Ordering and equality of cells, and keys for grouping. */
import { Decimal } from './decimal'
import { toJson } from './dynamic'
import { Double, isBag, type Value } from './values'

/** Compares two non-null cells of the same type. NaN sorts before every number. */
export function order (a: Value, b: Value): number {
  if (a instanceof Decimal && b instanceof Decimal) return a.compare(b)
  if (typeof a === 'object' || typeof b === 'object') return orderDynamic(a, b)
  if (a === b) return 0
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1
  if (Number.isNaN(b)) return 1
  return (a as number) < (b as number) ? -1 : 1
}

function rank (value: Value): number {
  if (value === null) return 0
  if (typeof value === 'boolean') return 1
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Double || value instanceof Decimal) return 2
  if (typeof value === 'string') return 3
  return Array.isArray(value) ? 4 : 5
}

/** Compares parts of dynamic values of any types. */
export function orderDynamic (a: Value, b: Value): number {
  const [first, second] = [rank(a), rank(b)]
  if (first !== second) return first - second
  if (first === 2) {
    const [x, y] = [a, b].map(each => each instanceof Double ? each.value : each instanceof Decimal ? each.toNumber() : each as number)
    return x === y ? 0 : x < y ? -1 : 1
  }
  if (first >= 4) {
    const [x, y] = [toJson(a), toJson(b)]
    return x === y ? 0 : x < y ? -1 : 1
  }
  return a === b ? 0 : (a as string) < (b as string) ? -1 : 1
}

export function equal (a: Value, b: Value): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null ? keyOf(a) === keyOf(b) : looselyEqual(a, b))
}

function looselyEqual (a: Value, b: Value): boolean {
  if (a instanceof Double) return a.value === b
  return b instanceof Double && b.value === a
}

/** Equal cells, and only they, have the same key. Cells come from one column, so the key needs no type. */
export function keyOf (value: Value): string | number | bigint | boolean | null {
  if (value === null || typeof value !== 'object') return value
  if (value instanceof Decimal) return value.toString()
  if (value instanceof Double) return value.value
  return isBag(value) || Array.isArray(value) ? `\u0001${toJson(value, true)}` : String(value)
}

/** One key for several cells. */
export function keyOfAll (values: readonly Value[]): string | number | bigint | boolean | null {
  if (values.length === 1) return keyOf(values[0])
  let key = ''
  for (const value of values) {
    const part = keyOf(value)
    // The length prefix keeps different texts from producing the same key.
    key += typeof part === 'string' ? `s${part.length}:${part}` : `${part === null ? 'n' : typeof part === 'boolean' ? 'b' : '#'}${String(part)};`
  }
  return key
}
