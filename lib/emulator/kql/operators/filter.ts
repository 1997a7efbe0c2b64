/** Operators that leave rows unchanged: where, take, distinct, count, sample, as, getschema. */
import { keyOfAll } from '../compare'
import { compile, columnNamed, contextOf, valueOf, type Expression } from '../expression'
import type { Scope } from '../scope'
import { columnsOf, kindOf, list, nameOf, part, type Syntax } from '../syntax'
import type { Row, Table, Value } from '../values'
import { answer, each, holds, type Operator } from './define'

export const filter: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const condition = holds(compile(part(node, 'Condition'), context))
  const rows: Row[] = []
  each(input, context, row => { if (condition(row)) rows.push(row) })
  return { ...input, rows }
}

function numberOf (node: Syntax, name: string, scope: Scope): number {
  return Math.max(0, Number(valueOf(compile(part(node, name), { columns: [], scope }))))
}

export const take: Operator = (node, input, scope) => ({ ...input, rows: input.rows.slice(0, numberOf(node, 'Expression', scope)) })

export const count: Operator = (node, input) => answer(node, [[input.rows.length]])

export const pass: Operator = (_node, input) => input

export const consume: Operator = (_node, input) => ({ ...input, rows: [] })

export const as: Operator = (node, input, scope) => {
  scope.defineEverywhere(nameOf(part(node, 'Name')), { kind: 'table', table: () => input })
  return input
}

export const distinct: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const given = list(node, 'Expressions')
  const expressions: Expression[] = given.flatMap(one => kindOf(one) === 'StarExpression'
    ? input.columns.map(column => columnNamed(column.name, context) as Expression)
    : [compile(one, context)])
  const seen = new Set<unknown>()
  const rows: Row[] = []
  each(input, context, row => {
    const values = expressions.map(({ of }) => of(row))
    const key = keyOfAll(values)
    if (seen.has(key)) return
    seen.add(key)
    rows.push(values)
  })
  return answer(node, rows)
}

/** Random rows, all equally likely. */
export const sample: Operator = (node, input, scope) => {
  const wanted = numberOf(node, 'Expression', scope)
  return { ...input, rows: drawn(input.rows, wanted), serialized: false }
}

function drawn<T> (from: readonly T[], wanted: number): T[] {
  const rows = [...from]
  for (let index = 0; index < Math.min(wanted, rows.length); index++) {
    const other = index + Math.floor(Math.random() * (rows.length - index))
    ;[rows[index], rows[other]] = [rows[other], rows[index]]
  }
  return rows.slice(0, wanted)
}

export const sampleDistinct: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const { of } = compile(part(node, 'OfExpression'), context)
  const found = new Map<unknown, Value[]>()
  each(input, context, row => { const value = of(row); found.set(keyOfAll([value]), [value]) })
  return answer(node, drawn([...found.values()], numberOf(node, 'Expression', scope)))
}

const CLR: Readonly<Record<string, string>> = {
  bool: 'SByte', datetime: 'DateTime', dynamic: 'Object', guid: 'Guid', int: 'Int32', long: 'Int64', real: 'Double', decimal: 'Data.SqlTypes.SqlDecimal', string: 'String', timespan: 'TimeSpan'
}

export const getSchema: Operator = (node, input): Table => ({
  columns: columnsOf(node),
  rows: input.columns.map(({ name, type }, index) => [name, index, `System.${CLR[type]}`, type]),
  serialized: true
})
