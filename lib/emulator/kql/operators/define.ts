/** Shared parts of operators. */
import { cast, type Context, type Expression } from '../expression'
import type { Scope } from '../scope'
import { columnsOf, type Syntax } from '../syntax'
import type { Row, Table, Value } from '../values'

export type Operator = (node: Syntax, input: Table, scope: Scope) => Table

/** A table with the columns that the binder gives an operator. */
export function answer (node: Syntax, rows: Row[], serialized = false): Table {
  return { columns: columnsOf(node), rows, serialized }
}

/** Each row in turn, with its index for prev(), next() and so on. */
export function each (input: Table, context: Context, take: (row: Row) => void): void {
  const { run } = context.scope
  const { rows } = input
  for (let index = 0; index < rows.length; index++) {
    if (context.window !== undefined) context.window.index = index
    run.step()
    take(rows[index])
  }
}

export function holds (expression: Expression): (row: Row) => boolean {
  const { of } = cast(expression, 'bool')
  return row => of(row) === true
}

export function places (input: Table, names: readonly string[]): number[] {
  return names.map(name => input.columns.findIndex(column => column.name === name))
}

/** Groups rows by key, in order of first appearance. */
export function group<T> (rows: readonly Row[], keysOf: (row: Row) => Value[], key: (values: readonly Value[]) => unknown, create: (keys: Value[]) => T, add: (group: T, row: Row, index: number) => void): T[] {
  const groups = new Map<unknown, T>()
  rows.forEach((row, index) => {
    const keys = keysOf(row)
    const id = key(keys)
    let found = groups.get(id)
    if (found === undefined) {
      found = create(keys)
      groups.set(id, found)
    }
    add(found, row, index)
  })
  return [...groups.values()]
}
