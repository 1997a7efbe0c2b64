/** sort by, order by, top. */
import { order, orderDynamic } from '../compare'
import { compile, contextOf, valueOf, type Context } from '../expression'
import { kindOf, list, optional, part, tokenText, type Syntax } from '../syntax'
import type { Row, Scalar, Table, Value } from '../values'
import { each, type Operator } from './define'

export interface Ordering {
  of (row: Row): Value
  compare (a: Value, b: Value): number
}

export function ordering (node: Syntax, context: Context): Ordering {
  const ordered = kindOf(node) === 'OrderedExpression'
  const { of, type } = compile(ordered ? part(node, 'Expression') : node, context)
  const clause = ordered ? optional(node, 'Ordering') : undefined
  const ascending = /^(?:asc|granny-asc)$/i.test(tokenText(optional(clause, 'AscOrDescKeyword')))
  const nulls = tokenText(optional(optional(clause, 'NullsClause'), 'FirstOrLastKeyword'))
  const first = nulls === '' ? ascending : /^first$/i.test(nulls)
  return { of, compare: comparer(type, ascending, first) }
}

/** Nulls go to one end, with NaN next to them. */
export function comparer (type: Scalar, ascending: boolean, nullsFirst: boolean): (a: Value, b: Value) => number {
  const compare = type === 'dynamic' ? orderDynamic : order
  const sign = ascending ? 1 : -1
  const rank = (value: Value): number => value === null ? 0 : Number.isNaN(value) ? 1 : 2
  return (a, b) => {
    const [x, y] = [rank(a), rank(b)]
    if (x !== y) return nullsFirst ? x - y : y - x
    return x < 2 ? 0 : sign * compare(a, b)
  }
}

export function sorted (input: Table, orderings: Ordering[], context: Context): Row[] {
  const keyed: Array<{ row: Row, keys: Value[] }> = []
  each(input, context, row => { keyed.push({ row, keys: orderings.map(({ of }) => of(row)) }) })
  keyed.sort((a, b) => {
    for (let index = 0; index < orderings.length; index++) {
      const found = orderings[index].compare(a.keys[index], b.keys[index])
      if (found !== 0) return found
    }
    return 0
  })
  return keyed.map(({ row }) => row)
}

export const sort: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  return { columns: input.columns, rows: sorted(input, list(node, 'Expressions').map(one => ordering(one, context)), context), serialized: true }
}

export const top: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const wanted = Number(valueOf(compile(part(node, 'Expression'), { columns: [], scope })))
  return { columns: input.columns, rows: sorted(input, [ordering(part(node, 'ByExpression'), context)], context).slice(0, Math.max(0, wanted)), serialized: true }
}
