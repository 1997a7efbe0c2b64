/** Tables that a query creates itself: datatable and range. */
import { cast, compile, valueOf } from '../expression'
import { add, type Int } from '../integers'
import { order } from '../compare'
import type { Scope } from '../scope'
import { columnsOf, list, part, wrong, type Syntax } from '../syntax'
import type { Row, Table, Value } from '../values'

export function dataTable (node: Syntax, scope: Scope): Table {
  const columns = columnsOf(node)
  const cells = list(node, 'Values')
  if (columns.length === 0 || cells.length % columns.length !== 0) throw wrong(`datatable has ${columns.length} columns, but ${cells.length} values`, node)
  const rows: Value[][] = []
  cells.forEach((cell, index) => {
    const place = index % columns.length
    if (place === 0) {
      scope.run.made1(columns.length)
      rows.push([])
    }
    rows[rows.length - 1].push(valueOf(cast(compile(cell, { columns: [], scope }), columns[place].type)))
  })
  return { columns, rows, serialized: false }
}

export function range (node: Syntax, scope: Scope): Table {
  const columns = columnsOf(node)
  const [{ type }] = columns
  const context = { columns: [], scope }
  const [from, to] = ['From', 'To'].map(name => valueOf(cast(compile(part(node, name), context), type)))
  const stepped = compile(part(node, 'Step'), context)
  const step = valueOf(type === 'datetime' ? cast(stepped, 'timespan') : cast(stepped, type))
  const rows: Row[] = []
  if (from === null || to === null || step === null || Number(step) === 0) return { columns, rows, serialized: true }
  const upwards = Number(step) > 0
  for (let index = 0, value: Value = from; upwards ? order(value, to) <= 0 : order(value, to) >= 0; index++) {
    scope.run.made1(1)
    rows.push([value])
    // Doubles are multiplied each time, so that errors don't add up.
    value = type === 'real' ? Number(from) + Number(step) * (index + 1) : add(value as Int, step as Int)
  }
  return { columns, rows, serialized: true }
}
