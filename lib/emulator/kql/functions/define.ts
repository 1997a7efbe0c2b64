/** Building blocks for scalar functions. */
import { cast, type Expression, type ScalarFunction } from '../expression'
import type { Row, Scalar, Value } from '../values'

type Readers = Array<(row: Row) => Value>

/** Converts arguments to the function's types; the last type applies to all that follow. */
function readers (args: readonly Expression[], types: readonly Scalar[]): Readers {
  return args.map((each, index) => cast(each, types[Math.min(index, types.length - 1)]).of)
}

/** A function of values of these types. If an argument is null, so is the result. */
export function over (types: Scalar[], compute: (...values: never[]) => Value): ScalarFunction {
  return call => {
    const read = readers(call.args, types)
    return row => {
      const values: Value[] = []
      for (const of of read) {
        const value = of(row)
        if (value === null) return call.type === 'string' ? '' : null
        values.push(value)
      }
      return compute(...values as never[])
    }
  }
}

/** The same, but null arguments are passed on. */
export function withNulls (types: Scalar[], compute: (...values: never[]) => Value): ScalarFunction {
  return ({ args }) => {
    const read = readers(args, types)
    return row => compute(...read.map(of => of(row)) as never[])
  }
}
