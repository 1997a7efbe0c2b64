/** take_any and arg_max inside an expression, where they return one value. */
import type { Accumulator, Expression } from '../expression'
import { order, orderDynamic } from '../compare'
import type { Row, Value } from '../values'
import { conditionOf, type AggregateFunction } from './define'

/** The row with the largest or smallest value; the first of equals, and any row if there are no values. */
export function bestRow ({ of, type }: Expression, sign: 1 | -1): { add (row: Row): void, row (): Row | undefined } {
  let best: Value = null
  let chosen: Row | undefined
  const compare = type === 'dynamic' ? orderDynamic : order
  return {
    add (row) {
      const value = of(row)
      if (chosen === undefined || (value !== null && (best === null || (!Number.isNaN(best) && (Number.isNaN(value) || compare(value, best) * sign > 0))))) {
        best = value
        chosen = row
      }
    },
    row: () => chosen
  }
}

function extreme (sign: 1 | -1): AggregateFunction {
  return ({ args: [value] }) => (): Accumulator => {
    const best = bestRow(value, sign)
    return { add: best.add, result: () => { const row = best.row(); return row === undefined ? null : value.of(row) } }
  }
}

function any (conditional: boolean): AggregateFunction {
  return ({ args: [{ of, type }, condition] }) => {
    const holds = conditional ? conditionOf(condition) : () => true
    return () => {
      let found: Value = null
      return {
        // Prefers a non-empty value.
        add (row) { if ((found === null || found === '') && holds(row)) found = of(row) },
        result: () => found ?? (type === 'string' ? '' : null)
      }
    }
  }
}

export const choosing: Readonly<Record<string, AggregateFunction>> = {
  arg_max: extreme(1),
  argmax: extreme(1),
  arg_min: extreme(-1),
  argmin: extreme(-1),
  take_any: any(false),
  any: any(false),
  take_anyif: any(true),
  anyif: any(true)
}
