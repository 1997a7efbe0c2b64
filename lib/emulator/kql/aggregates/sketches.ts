/** hll and tdigest, whose results can be merged and read later. */
import { toDynamic } from '../dynamic'
import { cast } from '../expression'
import { keyOf } from '../compare'
import { distinct, listOf } from '../sketches'
import type { Value } from '../values'
import { over, type AggregateFunction } from './define'

function hll (conditional: boolean): AggregateFunction {
  return over(type => {
    const found = new Map<unknown, Value>()
    return { take (value) { if (!found.has(keyOf(value))) found.set(keyOf(value), toDynamic(value, type)) }, result: () => [...found.values()] }
  }, { conditional })
}

const hllMerge: AggregateFunction = over(() => {
  const sketches: Value[] = []
  return { take (value) { sketches.push(value) }, result: () => distinct(sketches) }
})

const tdigest: AggregateFunction = ({ args: [value, weight] }) => {
  const weigh = weight === undefined ? undefined : cast(weight, 'long').of
  return () => {
    const pairs: Value[] = []
    return {
      add (row) {
        const given = value.of(row)
        if (given !== null) pairs.push([toDynamic(given, value.type), weigh === undefined ? 1 : weigh(row)])
      },
      result: () => pairs
    }
  }
}

const tdigestMerge: AggregateFunction = over(() => {
  const pairs: Value[] = []
  return { take (value) { for (const pair of listOf(value)) pairs.push(pair) }, result: () => pairs }
})

export const sketching: Readonly<Record<string, AggregateFunction>> = {
  hll: hll(false),
  hll_if: hll(true),
  hll_merge: hllMerge,
  tdigest,
  tdigest_merge: tdigestMerge,
  merge_tdigest: tdigestMerge
}
