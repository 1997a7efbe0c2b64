/** percentile, percentilew and their array forms. Always the nearest rank; the engine estimates for large sets. */
import { order } from '../compare'
import { toDynamic } from '../dynamic'
import { cast, valueOf, type Accumulator, type Expression } from '../expression'
import { percentileOf } from '../sketches'
import type { Value } from '../values'
import type { AggregateFunction } from './define'

/** The value below which this share of the weight lies. */
export function ranks (value: Expression, weight: Expression | undefined, finish: (at: (percent: number) => Value) => Value): () => Accumulator {
  const weigh = weight === undefined ? undefined : cast(weight, 'real').of
  return () => {
    const values: Value[] = []
    const weights: number[] = []
    return {
      add (row) {
        const given = value.of(row)
        if (given === null || Number.isNaN(given)) return
        const heavy = weigh === undefined ? 1 : weigh(row) as number | null
        if (heavy === null || !(heavy > 0)) return
        values.push(given)
        if (weigh !== undefined) weights.push(heavy)
      },
      result () {
        if (weigh === undefined) {
          values.sort(order)
          return finish(percent => values.length === 0 ? null : values[Math.max(0, Math.ceil(percent / 100 * values.length) - 1)])
        }
        const sorted = values.map((value, index) => ({ value, weight: weights[index] })).sort((a, b) => order(a.value, b.value))
        return finish(percent => percentileOf(sorted, percent))
      }
    }
  }
}

function one (weighted: boolean): AggregateFunction {
  return ({ args }) => {
    const percent = Number(valueOf(args[weighted ? 2 : 1]))
    return ranks(args[0], weighted ? args[1] : undefined, at => at(percent))
  }
}

/** The percentages, given as arguments or as one list. */
export function percents (given: Expression[]): number[] {
  return given.flatMap(each => {
    const value = valueOf(each)
    return Array.isArray(value) ? value.map(part => Number(part instanceof Object && 'value' in part ? part.value : part)) : [Number(value)]
  })
}

function many (weighted: boolean): AggregateFunction {
  return ({ args }) => {
    const wanted = percents(args.slice(weighted ? 2 : 1))
    return ranks(args[0], weighted ? args[1] : undefined, at => wanted.map(percent => toDynamic(at(percent), args[0].type)))
  }
}

export const percentiles: Readonly<Record<string, AggregateFunction>> = {
  percentile: one(false),
  percentilew: one(true),
  percentiles_array: many(false),
  percentilesw_array: many(true)
}
