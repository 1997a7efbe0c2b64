/** partition: a subquery for the rows of each key. */
import { keyOfAll } from '../compare'
import { compile, contextOf, evaluate } from '../expression'
import { columnsOf, kindOf, lacking, part } from '../syntax'
import type { Row } from '../values'
import { group, type Operator } from './define'
import { combined, type Source } from './union'

export const partition: Operator = (node, input, scope) => {
  const { of } = compile(part(node, 'ByExpression'), contextOf(input, scope))
  const operand = part(node, 'Operand')
  if (kindOf(operand) !== 'PartitionSubquery') throw lacking('partition with a query in braces', node)
  const groups = group<Row[]>(input.rows, row => [of(row)], keyOfAll, () => [], (rows, row) => { rows.push(row) })
  const sources: Source[] = groups.map(rows => ({ name: '', table: evaluate(part(operand, 'Subquery'), scope.over({ ...input, rows })) }))
  return combined(columnsOf(node), sources, undefined, scope)
}
