/** top-nested and top-hitters: the largest groups, and the largest within each. */
import { keyOfAll } from '../compare'
import { cast, compile, contextOf, valueOf, type Context } from '../expression'
import { kindOf, list, optional, part, tokenText, type Syntax } from '../syntax'
import { missing, type Row, type Value } from '../values'
import { answer, group, type Operator } from './define'
import { comparer } from './sort'
import { aggregation } from './summarize'

interface Level {
  most: number
  of (row: Row): Value
  aggregate: ReturnType<typeof aggregation>
  compare (a: Value, b: Value): number
  others: Value | undefined
}

function level (node: Syntax, context: Context): Level {
  const count = optional(node, 'Expression')
  const by = part(node, 'ByExpression')
  const ordered = kindOf(by) === 'OrderedExpression'
  const clause = ordered ? optional(by, 'Ordering') : undefined
  const ascending = /^asc$/i.test(tokenText(optional(clause, 'AscOrDescKeyword')))
  const value = compile(part(node, 'OfExpression'), context)
  const aggregate = aggregation(ordered ? part(by, 'Expression') : by, context)
  const others = optional(node, 'WithOthersClause')
  const constant = { columns: [], scope: context.scope }
  return {
    most: count === undefined ? Infinity : Number(valueOf(compile(count, constant))),
    of: value.of,
    aggregate,
    compare: comparer(aggregate.expression.type, ascending, ascending),
    others: others === undefined ? undefined : valueOf(cast(compile(part(others, 'Expression'), constant), value.type))
  }
}

export const topNested: Operator = (node, input, scope) => {
  const context = { ...contextOf(input, scope), window: undefined }
  const levels = list(node, 'Clauses').map(one => level(one, context))
  const table = answer(node, [])
  const blank = table.columns.map(({ type }) => missing(type))

  function nested (rows: readonly Row[], depth: number): Value[][] {
    if (depth === levels.length) return [[]]
    const { most, of, aggregate, compare, others } = levels[depth]
    const groups = group<{ key: Value, rows: Row[], state: ReturnType<typeof aggregate.create> }>(rows, row => [of(row)], keyOfAll,
      ([key]) => ({ key, rows: [], state: aggregate.create() }),
      (found, row) => { scope.run.step(); found.rows.push(row); found.state.add(row) })
    const sorted = groups.map(found => ({ ...found, value: found.state.results()[0] })).sort((a, b) => compare(a.value, b.value))
    const found = sorted.slice(0, most).flatMap(one => nested(one.rows, depth + 1).map(rest => [one.key, one.value, ...rest]))
    if (others !== undefined) {
      const state = aggregate.create()
      for (const one of sorted.slice(most)) for (const row of one.rows) state.add(row)
      found.push([others, state.results()[0], ...blank.slice((depth + 1) * 2)])
    }
    return found
  }

  return { ...table, rows: nested(input.rows, 0) }
}

export const topHitters: Operator = (node, input, scope) => {
  const context = { ...contextOf(input, scope), window: undefined }
  const most = Number(valueOf(compile(part(node, 'Expression'), { columns: [], scope })))
  const { of } = compile(part(node, 'OfExpression'), context)
  const by = optional(node, 'ByClause')
  const weight = by === undefined ? () => 1 : cast(compile(part(by, 'Expression'), context), 'real').of
  const groups = group<{ key: Value, total: number }>(input.rows, row => [of(row)], keyOfAll, ([key]) => ({ key, total: 0 }), (found, row) => { found.total += Number(weight(row) ?? 0) })
  return answer(node, groups.sort((a, b) => b.total - a.total).slice(0, most).map(({ key, total }) => [key, total]), true)
}
