/** count, countif, dcount, dcountif, count_distinct */
import { keyOf } from '../compare'
import type { Value } from '../values'
import { conditionOf, over, type AggregateFunction } from './define'

const count: AggregateFunction = () => () => {
  let rows = 0
  return { add () { rows++ }, result: () => rows }
}

const countif: AggregateFunction = ({ args: [condition] }) => {
  const holds = conditionOf(condition)
  return () => {
    let rows = 0
    return { add (row) { if (holds(row)) rows++ }, result: () => rows }
  }
}

/** Exact; the engine estimates. */
function distinct () {
  const seen = new Set<unknown>()
  return { take (value: Value) { seen.add(keyOf(value)) }, result: () => seen.size }
}

export const counting: Readonly<Record<string, AggregateFunction>> = {
  count,
  countif,
  dcount: over(distinct),
  dcountif: over(distinct, { conditional: true }),
  count_distinct: over(distinct),
  count_distinctif: over(distinct, { conditional: true })
}
