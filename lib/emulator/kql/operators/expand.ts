/** mv-expand and mv-apply: a row for each element of a list or bag. */
import { cast, compile, contextOf, evaluate, valueOf, type Context } from '../expression'
import type { Scope } from '../scope'
import { columnsOf, kindOf, list, nameOf, optional, parameters, part, scalarNamed, type Syntax } from '../syntax'
import { isBag, missing, type Row, type Scalar, type Table, type Value } from '../values'
import { convert } from '../convert'
import { answer, each, type Operator } from './define'

interface Expansion { name: string | undefined, type: Scalar, of (row: Row): Value }

function expansion (node: Syntax, context: Context): Expansion {
  const given = part(node, 'Expression')
  const named = kindOf(given) === 'SimpleNamedExpression'
  const inner = named ? part(given, 'Expression') : given
  const to = optional(node, 'ToTypeOf')
  const type = to === undefined ? 'dynamic' : scalarNamed(list(part(to, 'TypeOf'), 'Types')[0].ToString().trim())
  const name = named ? nameOf(part(given, 'Name')) : kindOf(inner) === 'NameReference' ? nameOf(inner) : undefined
  return { name, type, of: cast(compile(inner, context), 'dynamic').of }
}

/** A list's elements, a bag's pairs; anything else is one element. */
function elements (value: Value, asArrays: boolean): Value[] {
  if (Array.isArray(value)) return value
  if (isBag(value)) return [...value].map(pair => asArrays ? pair : new Map([pair]))
  return [value]
}

/** Replaces one row with as many as its longest list has elements. */
function expand (row: Row, expansions: Expansion[], asArrays: boolean, limit: number): Value[][] {
  const lists = expansions.map(({ of }) => elements(of(row), asArrays))
  const longest = Math.min(limit, Math.max(...lists.map(one => one.length)))
  return Array.from({ length: longest }, (_, index) => lists.map((one, place) => {
    const { type } = expansions[place]
    const element = one[index] ?? null
    return type === 'dynamic' ? element : convert(element, 'dynamic', type) ?? missing(type)
  }))
}

function limitOf (node: Syntax, scope: Scope): number {
  const clause = optional(node, 'RowLimitClause')
  return clause === undefined ? Infinity : Number(valueOf(compile(part(clause, 'RowLimit'), { columns: [], scope })))
}

/** The source of each result column: the row, an expansion, or the index. */
function origins (columns: Table['columns'], input: Table, expansions: Expansion[], itemIndex: string | undefined) {
  const names = expansions.map(({ name }) => name)
  const unnamed = columns.filter(({ name }) => !names.includes(name) && name !== itemIndex && !input.columns.some(column => column.name === name))
  const filled = names.map(name => name ?? unnamed.shift()?.name)
  return columns.map(({ name }) => {
    if (name === itemIndex) return { kind: 'index' as const, place: 0 }
    const place = filled.indexOf(name)
    return place !== -1 ? { kind: 'element' as const, place } : { kind: 'row' as const, place: input.columns.findIndex(column => column.name === name) }
  })
}

export const mvExpand: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const options = parameters(node)
  const expansions = list(node, 'Expressions').map(one => expansion(one, context))
  const asArrays = /^array$/i.test(options.get('bagexpansion') ?? options.get('kind') ?? '')
  const limit = limitOf(node, scope)
  const columns = columnsOf(node)
  const from = origins(columns, input, expansions, options.get('with_itemindex'))
  const rows: Row[] = []
  each(input, context, row => {
    expand(row, expansions, asArrays, limit).forEach((cells, index) => {
      scope.run.made1(columns.length)
      rows.push(from.map(({ kind, place }) => kind === 'index' ? index : kind === 'element' ? cells[place] : row[place]))
    })
  })
  return { columns, rows, serialized: input.serialized }
}

export const mvApply: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const options = parameters(node)
  const itemIndex = options.get('with_itemindex')
  const expansions = list(node, 'Expressions').map(one => expansion(one, context))
  const limit = limitOf(node, scope)
  const subquery = part(part(node, 'Subquery'), 'Expression')
  const columns = columnsOf(node)
  const added = expansions.map(({ name, type }, index) => ({ name: name ?? `Column${index + 1}`, type }))
  const inner = [...input.columns.filter(({ name }) => !added.some(each => each.name === name)), ...added, ...(itemIndex === undefined ? [] : [{ name: itemIndex, type: 'long' as const }])]
  const kept = inner.slice(0, inner.length - added.length - (itemIndex === undefined ? 0 : 1)).map(({ name }) => input.columns.findIndex(column => column.name === name))
  const rows: Row[] = []
  each(input, context, row => {
    const base = kept.map(place => row[place])
    const expanded = expand(row, expansions, /^array$/i.test(options.get('bagexpansion') ?? ''), limit)
    const table: Table = { columns: inner, rows: expanded.map((cells, index) => [...base, ...cells, ...(itemIndex === undefined ? [] : [index])]), serialized: true }
    const result = evaluate(subquery, scope.over(table))
    const from = columns.map(({ name }) => {
      const place = result.columns.findIndex(column => column.name === name)
      return place !== -1 ? { own: true, place } : { own: false, place: input.columns.findIndex(column => column.name === name) }
    })
    for (const found of result.rows) {
      scope.run.made1(columns.length)
      rows.push(from.map(({ own, place }) => own ? found[place] : row[place]))
    }
  })
  return answer(node, rows)
}
