/** Functions that merge and read the results of hll() and tdigest(). */
import { orderDynamic } from '../compare'
import { convert } from '../convert'
import { toDynamic } from '../dynamic'
import type { ScalarFunction } from '../expression'
import { distinct, listOf, percentileOf, weighted } from '../sketches'
import { numberIn, type Value } from '../values'
import { over } from './define'

const merged = over(['dynamic'], (...digests: Value[]) => digests.flatMap(listOf))

const percentile: ScalarFunction = ({ args: [digest, percent], type }) => row =>
  convert(percentileOf(weighted(digest.of(row)), Number(percent.of(row))), 'dynamic', type)

const percentiles: ScalarFunction = ({ args: [digest, ...percents] }) => row => {
  const values = weighted(digest.of(row))
  return percents.flatMap(({ of }) => of(row)).map(percent => percentileOf(values, numberIn(percent) ?? 0))
}

/** The weight of the values up to this one, as a number or as a share in percent. */
function rank (share: boolean): ScalarFunction {
  return ({ args: [digest, value] }) => row => {
    const [values, wanted] = [weighted(digest.of(row)), toDynamic(value.of(row), value.type)]
    if (values.length === 0) return null
    const total = values.reduce((sum, { weight }) => sum + weight, 0)
    const below = values.reduce((sum, each) => orderDynamic(each.value, wanted) <= 0 ? sum + each.weight : sum, 0)
    return share ? 100 * below / total : below
  }
}

export const sketches: Readonly<Record<string, ScalarFunction>> = {
  hll_merge: over(['dynamic'], (...given: Value[]) => distinct(given)),
  dcount_hll: over(['dynamic'], (sketch: Value) => listOf(sketch).length),
  tdigest_merge: merged,
  merge_tdigest: merged,
  percentile_tdigest: percentile,
  percentiles_array_tdigest: percentiles,
  percentrank_tdigest: rank(true),
  rank_tdigest: rank(false)
}
