/** search and find: rows of several tables that contain a text anywhere. */
import { resolved, toDynamic } from '../dynamic'
import { compile, constant, valueOf, type Context, type Expression } from '../expression'
import type { Scope } from '../scope'
import { args, columnsOf, kindOf, lacking, list, nameOf, optional, parameters, part, type Syntax } from '../syntax'
import { allColumns, hasTerm, textOf } from '../text'
import { missing, type Bag, type Column, type Row, type Table } from '../values'
import { holds } from './define'
import { combined, coveredBy, sourcesOf, type Source } from './union'

export function search (node: Syntax, input: Table | undefined, scope: Scope): Table {
  const clause = optional(node, 'InClause')
  const sources: Source[] = input !== undefined
    ? [{ name: 'search_arg0', table: input }]
    : clause === undefined
      ? coveredBy(scope)
      : list(clause, 'Expressions').flatMap((one, index) => sourcesOf(one, index, 'search', scope))
  const loose = !/case_sensitive/i.test(parameters(node).get('kind') ?? '')
  return combined(columnsOf(node), matching(part(node, 'Condition'), sources, loose, scope), '$table', scope)
}

/** As in a union, a column that a table doesn't have is empty there. */
function matching (node: Syntax, sources: readonly Source[], loose: boolean, scope: Scope): Source[] {
  const all = sources.flatMap(({ table }) => table.columns).filter(({ name }, index, every) => every.findIndex(each => each.name === name) === index)
  return sources.map(({ name, table }) => {
    const others = all.filter(({ name }) => !table.columns.some(own => own.name === name))
    const blanks = others.map(({ type }) => missing(type))
    const condition = holds(term(node, { columns: [...table.columns, ...others], scope }, loose))
    return { name, table: { ...table, rows: table.rows.filter(row => { scope.run.step(); return condition([...row, ...blanks]) }) } }
  })
}

/** A text means "some column has it"; anything else is a condition as in where. */
function term (node: Syntax, context: Context, loose: boolean): Expression {
  const kind = kindOf(node)
  if (kind === 'StarExpression') return constant(true, 'bool')
  const inner = (name: string): ((row: Row) => boolean) => holds(term(part(node, name), context, loose))
  if (kind.endsWith('StringLiteralExpression')) return anywhere(String(node.LiteralValue), allColumns(context), loose)
  switch (kind) {
    case 'ParenthesizedExpression': return term(part(node, 'Expression'), context, loose)
    case 'AndExpression': case 'OrExpression': {
      const [left, right] = [inner('Left'), inner('Right')]
      return { type: 'bool', constant: false, of: kind === 'AndExpression' ? row => left(row) && right(row) : row => left(row) || right(row) }
    }
    case 'FunctionCallExpression': {
      if (nameOf(part(node, 'Name')) !== 'not') break
      const condition = holds(term(args(node)[0], context, loose))
      return { type: 'bool', constant: false, of: row => !condition(row) }
    }
    case 'SearchExpression': {
      const wanted = String(valueOf(compile(part(node, 'Right'), context)))
      const left = part(node, 'Left')
      return anywhere(wanted, kindOf(left) === 'StarExpression' ? allColumns(context) : [textOf(compile(left, context))], loose)
    }
  }
  return compile(node, context)
}

/** A term, with `*` at its start, at its end or in the middle. */
function anywhere (given: string, texts: Array<(row: Row) => string>, loose: boolean): Expression {
  const wanted = loose ? given.toLowerCase() : given
  const bare = wanted.replace(/\*/g, '')
  const escaped = wanted.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/^\*|\*$/g, '').replace(/\*/g, '[^]*')
  const pattern = new RegExp(`${wanted.startsWith('*') ? '' : '(?<![\\p{L}\\p{N}])'}${escaped}${wanted.endsWith('*') ? '' : '(?![\\p{L}\\p{N}])'}`, 'u')
  const test = !wanted.includes('*') ? (text: string) => hasTerm(text, wanted) : bare === '' ? () => true : (text: string) => pattern.test(text)
  return { type: 'bool', constant: false, of: row => texts.some(text => test(loose ? text(row).toLowerCase() : text(row))) }
}

/** What isn't projected is in a bag, unless the query names columns only. */
export function find (node: Syntax, scope: Scope): Table {
  if (optional(node, 'ProjectAway') !== undefined) throw lacking('find with project-away', node)
  const clause = optional(node, 'InClause')
  const columns = columnsOf(node)
  const sources = clause === undefined
    ? coveredBy(scope)
    : list(clause, 'Expressions').flatMap((one, index) => sourcesOf(one, index, 'find', scope))
  const found = matching(part(node, 'Condition'), sources, true, scope)
  return combined(columns, columns.some(({ name }) => name === 'pack_') ? found.map(source => packed(source, columns)) : found, columns[0]?.name, scope)
}

function packed ({ name, table }: Source, shown: readonly Column[]): Source {
  const rest = table.columns.map((column, index) => ({ ...column, index })).filter(column => shown.every(each => each.name !== column.name))
  const bag = (row: Row): Bag => new Map(rest.filter(({ index, type }) => row[index] !== missing(type)).map(({ name, type, index }) => [name, toDynamic(resolved(row[index]), type)]))
  return { name, table: { ...table, columns: [...table.columns, { name: 'pack_', type: 'dynamic' }], rows: table.rows.map(row => [...row, bag(row)]) } }
}
