/** union: rows of several tables, one after the other. */
import { UnknownTable } from '../errors'
import { evaluate } from '../expression'
import type { Scope } from '../scope'
import { columnsOf, kindOf, list, nameOf, optional, parameters, part, type Syntax } from '../syntax'
import { missing, type Column, type Row, type Table } from '../values'

/** A table, and its name for withsource and search. */
export interface Source { name: string, table: Table }

export function union (node: Syntax, input: Table | undefined, scope: Scope): Table {
  const sources: Source[] = input === undefined ? [] : [{ name: 'union_arg0', table: input }]
  const fuzzy = parameters(node).get('isfuzzy') === 'true'
  let unknown: UnknownTable | undefined
  for (const one of list(node, 'Expressions')) {
    try {
      sources.push(...sourcesOf(one, sources.length, 'union', scope))
    } catch (error) {
      if (!fuzzy || !(error instanceof UnknownTable)) throw error
      unknown = error
    }
  }
  if (unknown !== undefined && sources.length === 0) throw unknown
  const sourceColumn = parameters(node).get('withsource') ?? parameters(node).get('with_source')
  const inner = parameters(node).get('kind')?.toLowerCase() === 'inner'
  const columns = columnsOf(node).filter(({ name }) => !inner || name === sourceColumn || sources.every(({ table }) => table.columns.some(column => column.name === name)))
  return combined(columns, sources, sourceColumn, scope)
}

/** One table, or all that match a name with `*`. */
export function sourcesOf (node: Syntax, index: number, prefix: string, scope: Scope): Source[] {
  const kind = kindOf(node)
  const text = node.ToString().trim()
  if (kind === 'StarExpression' || (kind === 'NameReference' && text.includes('*'))) {
    const pattern = new RegExp(`^${text.replace(/^\[?['"]?|['"]?\]?$/g, '').replace(/[^*\w]/g, '\\$&').replace(/\*/g, '.*')}$`)
    return coveredBy(scope).filter(({ name }) => pattern.test(name))
  }
  const inner = kind === 'ParenthesizedExpression' ? part(node, 'Expression') : node
  return [{ name: sourceName(inner, scope) ?? `${prefix}_arg${index}`, table: evaluate(inner, scope) }]
}

/** Stored tables and views have a name, and so has what `as` named. */
function sourceName (node: Syntax, scope: Scope): string | undefined {
  if (kindOf(node) === 'PipeExpression') {
    const operator = part(node, 'Operator')
    return kindOf(operator) === 'AsOperator' ? nameOf(part(operator, 'Name')) : undefined
  }
  if (kindOf(node) !== 'NameReference') return undefined
  const binding = scope.find(nameOf(node))
  const isView = binding?.kind === 'function' && optional(binding.declaration, 'ViewKeyword') !== undefined
  return binding === undefined || isView ? nameOf(node) : undefined
}

export function coveredBy ({ run }: Scope): Source[] {
  return run.covered.map(({ name }) => ({ name, table: run.stored(name)! }))
}

/** Columns by name; a name with several types gets a column per type, with the type in its name. */
export function combined (columns: Column[], sources: readonly Source[], sourceColumn: string | undefined, scope: Scope): Table {
  const rows: Row[] = []
  for (const { name, table } of sources) {
    const from = columns.map(column => {
      if (column.name === sourceColumn) return -2
      const same = table.columns.findIndex(each => each.name === column.name && each.type === column.type)
      return same !== -1 ? same : table.columns.findIndex(each => `${each.name}_${each.type}` === column.name && each.type === column.type)
    })
    const whole = from.every((place, index) => place === index) && from.length === table.columns.length
    for (const row of table.rows) {
      scope.run.made1(whole ? 1 : columns.length)
      rows.push(whole ? row : from.map((place, index) => place === -2 ? name : place === -1 ? missing(columns[index].type) : row[place]))
    }
  }
  return { columns, rows, serialized: false }
}
