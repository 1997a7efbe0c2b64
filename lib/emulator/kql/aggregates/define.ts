/** Building blocks for aggregate functions. */
import { cast, type Accumulator, type Call, type Expression } from '../expression'
import type { Row, Scalar, Value } from '../values'

export type AggregateFunction = (call: Call) => () => Accumulator

/** Aggregates the non-null values of one argument; if the name ends in `if`, the second argument is a condition. */
export function over (create: (type: Scalar, call: Call) => { take (value: Value): void, result (): Value }, { conditional = false, as }: { conditional?: boolean, as?: Scalar } = {}): AggregateFunction {
  return call => {
    const argument = as === undefined ? call.args[0] : cast(call.args[0], as)
    const condition = conditional ? conditionOf(call.args[1]) : undefined
    return () => {
      const state = create(argument.type, call)
      return {
        add (row) {
          if (condition !== undefined && !condition(row)) return
          const value = argument.of(row)
          if (value !== null) state.take(value)
        },
        result: () => state.result()
      }
    }
  }
}

export function conditionOf (expression: Expression): (row: Row) => boolean {
  const { of } = cast(expression, 'bool')
  return row => of(row) === true
}
