/**
 * What hll() and tdigest() pass on to be merged and read later. Azure estimates; these hold every value: a list of the
 * distinct ones, and a list of pairs of a value and its weight.
 */
import { keyOf, orderDynamic } from './compare'
import { numberIn, type Value } from './values'

export function listOf (value: Value): Value[] {
  return Array.isArray(value) ? value : []
}

/** The distinct values of several sketches. */
export function distinct (sketches: readonly Value[]): Value[] {
  const found = new Map<unknown, Value>()
  for (const sketch of sketches) for (const value of listOf(sketch)) if (!found.has(keyOf(value))) found.set(keyOf(value), value)
  return [...found.values()]
}

export interface Weighted { value: Value, weight: number }

/** The values of a digest, sorted. */
export function weighted (digest: Value): Weighted[] {
  return listOf(digest).map((pair): Weighted => { const [value = null, weight = null] = listOf(pair); return { value, weight: numberIn(weight) ?? 0 } })
    .sort((a, b) => orderDynamic(a.value, b.value))
}

/** The value below which this share of the weight lies. */
export function percentileOf (values: readonly Weighted[], percent: number): Value {
  const total = values.reduce((sum, { weight }) => sum + weight, 0)
  let below = 0
  for (const { value, weight } of values) {
    below += weight
    if (below >= percent / 100 * total) return value
  }
  return values.at(-1)?.value ?? null
}
