/** Operators that compute or select columns: print, project, extend, serialize, project-away and so on. */
import { tupleOf } from '../calls'
import { compile, contextOf, type Context } from '../expression'
import type { Scope } from '../scope'
import { args, columnsOf, kindOf, list, nameOf, part, type Syntax } from '../syntax'
import type { Column, Row, Scalar, Table, Value } from '../values'
import { each, places, type Operator } from './define'

/** One expression of a list, and the columns it fills. */
interface Assignment {
  /** Names given in the query: none, one, or several in parentheses. */
  names: string[]
  /** How many columns the binder has for it. */
  width: number
  /** If it is a single column. */
  type?: Scalar
  values (row: Row): Value[]
}

function assignment (node: Syntax, context: Context): Assignment {
  const kind = kindOf(node)
  const named = kind === 'SimpleNamedExpression'
  const compound = kind === 'CompoundNamedExpression'
  const expression = named || compound ? part(node, 'Expression') : node
  const names = named ? [nameOf(part(node, 'Name'))] : compound ? list(part(node, 'Names'), 'Names').map(nameOf) : kind === 'NameReference' ? [nameOf(node)] : []
  const tuple = tupleOf(expression, context)
  if (tuple !== undefined) return { names, width: Math.max(1, columnsOf(expression).length), values: tuple }
  const { of, type } = compile(expression, context)
  return { names, width: 1, type, values: row => [of(row)] }
}

export function print (node: Syntax, scope: Scope): Table {
  const context: Context = { columns: [], scope }
  const { columns, values } = projected(node, list(node, 'Expressions').map(each => assignment(each, context)))
  return { columns, rows: [values([])], serialized: true }
}

/** Columns in the order of the expressions. */
function projected (node: Syntax, assignments: Assignment[]): { columns: Column[], values: (row: Row) => Value[] } {
  const bound = columnsOf(node)
  const columns: Column[] = []
  let next = 0
  for (const { names, width } of assignments) {
    // A single name gets the first of several values.
    columns.push(...bound.slice(next, next + (names.length === 1 ? 1 : width)))
    next += width
  }
  if (assignments.every(({ width }) => width === 1)) {
    const one = assignments.map(({ values }) => values)
    return { columns, values: row => one.map(values => values(row)[0]) }
  }
  return { columns, values: row => assignments.flatMap(({ names, width, values }) => values(row).slice(0, names.length === 1 ? 1 : width)) }
}

export const project: Operator = (node, input, scope) => {
  const context = contextOf(input, scope)
  const expressions = list(node, 'Expressions')
  const { columns, values } = projected(node, expressions.map(one => assignment(one, context)))
  const rows: Row[] = []
  each(input, context, row => {
    scope.run.made1(columns.length)
    rows.push(values(row))
  })
  return { columns, rows, serialized: input.serialized }
}

export const extend: Operator = (node, input, scope) => extended(node, input, scope)

export const serialize: Operator = (node, input, scope) => extended(node, { ...input, serialized: true }, scope)

function extended (node: Syntax, input: Table, scope: Scope): Table {
  const context = contextOf(input, scope)
  const columns = [...input.columns]
  const added = columnsOf(node).slice(input.columns.length)
  const assignments = list(node, 'Expressions').map(one => {
    const { names, width, type: computed, values } = assignment(one, context)
    const targets: number[] = []
    for (let index = 0; index < width; index++) {
      const bound = names[index] !== undefined && columns.some(({ name }) => name === names[index]) ? undefined : added.shift()
      const name = names[index] ?? bound?.name ?? converted(one)
      if (name === undefined || (names.length === 1 && index > 0)) continue
      const at = columns.findIndex(column => column.name === name)
      const bare = names[index] === undefined && bound === undefined
      const type = (bare ? computed : undefined) ?? columnsOf(node).find(column => column.name === name)?.type ?? 'dynamic'
      targets.push(at === -1 ? columns.push({ name, type }) - 1 : at)
      if (at !== -1) columns[at] = { name, type }
    }
    return { values, targets }
  })
  const rows: Row[] = []
  const width = columns.length
  each(input, context, row => {
    scope.run.made1(width)
    const cells = row.slice()
    for (const { values, targets } of assignments) {
      const made = values(row)
      for (let index = 0; index < targets.length; index++) cells[targets[index]] = made[index]
    }
    rows.push(cells)
  })
  return { columns, rows, serialized: input.serialized }
}

/** An unnamed `extend tolong(x)` replaces the column x. */
function converted (node: Syntax): string | undefined {
  const [only] = kindOf(node) === 'FunctionCallExpression' ? args(node) : []
  return only !== undefined && kindOf(only) === 'NameReference' ? nameOf(only) : undefined
}

/** The columns that the binder kept, by name. */
function chosen (node: Syntax, input: Table): Table {
  const columns = columnsOf(node)
  return reduced(columns, input, places(input, columns.map(({ name }) => name)))
}

function reduced (columns: Column[], input: Table, from: number[]): Table {
  return { columns, rows: input.rows.map(row => from.map(place => row[place])), serialized: input.serialized }
}

export const projectAway: Operator = chosen
export const projectKeep: Operator = chosen
export const projectReorder: Operator = chosen

export const projectRename: Operator = (node, input) => {
  const old = new Map(list(node, 'Expressions').map(one => [nameOf(part(one, 'Name')), nameOf(part(one, 'Expression'))]))
  const columns = columnsOf(node)
  return reduced(columns, input, places(input, columns.map(({ name }) => old.get(name) ?? name)))
}
