/** The pieces that scalar functions are made of. */
import { cast, type Expression, type ScalarFunction } from '../expression'
import type { Row, Scalar, Value } from '../values'

type Readers = Array<(row: Row) => Value>

/** Arguments as the function wants them; the last type goes for all that follow. */
function readers (args: readonly Expression[], types: readonly Scalar[]): Readers {
  return args.map((each, index) => cast(each, types[Math.min(index, types.length - 1)]).of)
}

/** A function of values of these types. Where one is missing the result is, too. */
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

/** The same, told of missing values as null. */
export function withNulls (types: Scalar[], compute: (...values: never[]) => Value): ScalarFunction {
  return ({ args }) => {
    const read = readers(args, types)
    return row => compute(...read.map(of => of(row)) as never[])
  }
}
