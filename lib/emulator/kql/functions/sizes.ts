/** estimate_data_size(): the bytes that a row's cells take. */
import { columnNamed, type Expression, type ScalarFunction } from '../expression'
import { toJson } from '../dynamic'
import { args, kindOf } from '../syntax'
import type { Scalar, Value } from '../values'

const FIXED: Readonly<Partial<Record<Scalar, number>>> = { bool: 1, int: 4, long: 8, real: 8, datetime: 8, timespan: 8, guid: 16, decimal: 16 }

function sizeOf (value: Value, type: Scalar): number {
  if (value === null) return 0
  return FIXED[type] ?? Buffer.byteLength(typeof value === 'string' ? value : toJson(value))
}

const estimate: ScalarFunction = ({ args: given, node, context }) => {
  // The star stands for all columns of the row.
  const all = args(node).some(each => kindOf(each) === 'StarExpression')
  const cells = all ? context.columns.map(({ name }) => columnNamed(name, context)).filter((each): each is Expression => each !== undefined) : given
  return row => cells.reduce((sum, { of, type }) => sum + sizeOf(of(row), type), 0)
}

export const sizes: Readonly<Record<string, ScalarFunction>> = { estimate_data_size: estimate }
