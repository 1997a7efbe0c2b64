/** search and find: rows of several tables that contain a text anywhere. */
import { compile, valueOf, type Context, type Expression } from '../expression'
import type { Scope } from '../scope'
import { args, columnsOf, kindOf, lacking, list, nameOf, optional, parameters, part, type Syntax } from '../syntax'
import { allColumns, hasTerm, textOf } from '../text'
import type { Row, Table } from '../values'
import { holds } from './define'
import { combined, sourcesOf, type Source } from './union'

export function search (node: Syntax, input: Table | undefined, scope: Scope): Table {
  const clause = optional(node, 'InClause')
  const sources: Source[] = input !== undefined
    ? [{ name: 'search_arg0', table: input }]
    : clause === undefined
      ? scope.run.tables.schemas.filter(({ name }) => !name.startsWith('App')).map(({ name, columns }) => ({ name, table: { columns, rows: scope.run.tables.rows(name), serialized: false } }))
      : list(clause, 'Expressions').flatMap((one, index) => sourcesOf(one, index, 'search', scope))
  const loose = !/case_sensitive/i.test(parameters(node).get('kind') ?? '')
  const found = sources.map(({ name, table }) => ({ name, table: matching(part(node, 'Condition'), table, loose, scope) }))
  return combined(columnsOf(node), found, '$table', scope)
}

function matching (node: Syntax, table: Table, loose: boolean, scope: Scope): Table {
  const context: Context = { columns: table.columns, scope }
  const condition = holds(term(node, context, loose))
  return { ...table, rows: table.rows.filter(row => { scope.run.step(); return condition(row) }) }
}

/** A text means "some column has it"; anything else is a condition as in where. */
function term (node: Syntax, context: Context, loose: boolean): Expression {
  const kind = kindOf(node)
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

/** find's columns depend on what it projects; only its plain form is supported. */
export function find (node: Syntax, scope: Scope): Table {
  if (optional(node, 'ProjectAway') !== undefined) throw lacking('find with project-away', node)
  const clause = optional(node, 'InClause')
  const columns = columnsOf(node)
  const sources = clause === undefined
    ? scope.run.tables.schemas.map(({ name, columns: own }): Source => ({ name, table: { columns: own, rows: scope.run.tables.rows(name), serialized: false } }))
    : list(clause, 'Expressions').flatMap((one, index) => sourcesOf(one, index, 'find', scope))
  const found = sources.map(({ name, table }) => ({ name, table: matching(part(node, 'Condition'), table, true, scope) }))
  if (columns.some(({ name }) => name === 'pack_')) throw lacking('find without project', node)
  return combined(columns, found, columns[0]?.name, scope)
}
