/** A compiled scalar expression is a function from a row to its value. Defines that, and the context for compiling. */
import { convert } from './convert'
import { resolved } from './dynamic'
import type { Scope } from './scope'
import type { Syntax } from './syntax'
import { isInteger, type Column, type Row, type Scalar, type Table, type Value } from './values'

export interface Expression {
  type: Scalar
  /** The same for every row, so that work can be done once. */
  constant: boolean
  of (row: Row): Value
}

/** A row's position among the others, for prev(), next() and so on. */
export interface Window { rows: readonly Row[], index: number }

/** Aggregates that an expression uses, and their results during evaluation. */
export interface Slots {
  add (create: () => Accumulator): number
  results: readonly Value[]
}

export interface Accumulator {
  add (row: Row): void
  result (): Value
}

export interface Context {
  columns: readonly Column[]
  scope: Scope
  /** Set if rows are serialized. */
  window?: Window
  /** Set if aggregates are allowed. */
  slots?: Slots
  /** Resolves `step.column` in scan. */
  path?: (step: string, column: string) => Expression | undefined
}

export function constant (value: Value, type: Scalar): Expression {
  return { type, constant: true, of: () => value }
}

const NOTHING: Row = []

export function valueOf (expression: Expression): Value {
  return expression.of(NOTHING)
}

/** Evaluates an expression once if it depends on no row. */
export function folded (expression: Expression): Expression {
  return expression.constant ? constant(valueOf(expression), expression.type) : expression
}

export function cast (expression: Expression, type: Scalar): Expression {
  const { type: from, of } = expression
  if (from === type) return expression
  if (isInteger(from) && type === 'real') return folded({ ...expression, type, of: row => { const value = of(row); return value === null ? null : Number(value) } })
  if (from === 'int' && type === 'long') return { ...expression, type }
  return folded({ ...expression, type, of: row => convert(of(row), from, type) })
}

/** What a function knows about its call. */
export interface Call {
  name: string
  args: Expression[]
  /** The type from the binder. */
  type: Scalar
  node: Syntax
  context: Context
}

export type ScalarFunction = (call: Call) => (row: Row) => Value

/** Returns several columns at once, like series_stats(). */
export type TupleFunction = (call: Call) => (row: Row) => Value[]

export function compile (node: Syntax, context: Context): Expression {
  return context.scope.run.interpreter.compile(node, context)
}

export function evaluate (node: Syntax, scope: Scope): Table {
  return scope.run.interpreter.evaluate(node, scope)
}

/** The context for expressions over a table's rows. */
export function contextOf (table: Table, scope: Scope): Context {
  return { columns: table.columns, scope, window: table.serialized ? { rows: table.rows, index: 0 } : undefined }
}

export function columnNamed (name: string, { columns }: Context): Expression | undefined {
  const index = columns.findIndex(column => column.name === name)
  if (index === -1) return undefined
  const { type } = columns[index]
  return { type, constant: false, of: type === 'dynamic' ? row => resolved(row[index]) : row => row[index] }
}
