/** evaluate: bag_unpack and pivot, whose columns depend on the rows, and narrow. */
import { keyOfAll } from '../compare'
import { convert, toText } from '../convert'
import { compile, contextOf, valueOf } from '../expression'
import { args, kindOf, lacking, list, nameOf, optional, part, scalarNamed, wrong, type Syntax } from '../syntax'
import { isBag, missing, type Bag, type Column, type Row, type Scalar, type Table, type Value } from '../values'
import type { Scope } from '../scope'
import { resolved, typeName } from '../dynamic'
import { group, places, type Operator } from './define'
import { aggregation } from './summarize'

const PLUGINS: Readonly<Record<string, (call: Syntax, input: Table, scope: Scope) => Table>> = { bag_unpack: bagUnpack, narrow, pivot }

export const evaluatePlugin: Operator = (node, input, scope) => {
  const call = part(node, 'FunctionCall')
  const name = nameOf(part(call, 'Name'))
  if (!Object.hasOwn(PLUGINS, name)) throw lacking(`The plugin ${name}`, node)
  const table = PLUGINS[name](call, input, scope)
  const schema = optional(node, 'Schema')
  return schema === undefined ? table : shaped(table, part(schema, 'Schema'), input)
}

/** The columns that the query declares, in order. `*` stands for the columns that were there before. */
function shaped (table: Table, schema: Syntax, input: Table): Table {
  const declared = list(schema, 'Columns').map((one): Column => ({ name: nameOf(part(one, 'Name')), type: scalarNamed(part(one, 'Type').ToString().trim()) }))
  const isAmong = (columns: readonly Column[], { name }: Column): boolean => columns.some(column => column.name === name)
  const before = /^\(\s*\*/.test(schema.ToString().trim()) ? table.columns.filter(column => isAmong(input.columns, column) && !isAmong(declared, column)) : []
  const columns = [...before, ...declared]
  const from = places(table, columns.map(({ name }) => name))
  return { ...table, columns, rows: table.rows.map(row => from.map((place, index) => place === -1 ? missing(columns[index].type) : convert(row[place], table.columns[place].type, columns[index].type))) }
}

const OPTIONS = ['columnprefix', 'columnsconflict', 'ignoredproperties']

function bagUnpack (call: Syntax, input: Table, scope: Scope): Table {
  const [bag, ...others] = args(call)
  const options = new Map(others.map((one, index) => {
    const named = kindOf(one) === 'SimpleNamedExpression'
    return [named ? nameOf(part(one, 'Name')).toLowerCase() : OPTIONS[index], valueOf(compile(one, { columns: [], scope }))]
  }))
  const ignored = options.get('ignoredproperties')
  const place = input.columns.findIndex(({ name }) => name === nameOf(bag))
  if (place === -1) throw wrong('bag_unpack() needs a column', bag)
  const bags = input.rows.map(row => {
    scope.run.step()
    const value = resolved(row[place])
    return isBag(value) ? value : new Map<string, Value>()
  })
  const kinds = new Map<string, Set<string>>()
  for (const one of bags) {
    for (const [key, value] of one) {
      if (Array.isArray(ignored) && ignored.includes(key)) continue
      const found = kinds.get(key) ?? new Set()
      if (value !== null) found.add(typeName(value))
      kinds.set(key, found)
    }
  }
  return unpacked(input, place, bags, [...kinds].sort(([a], [b]) => a < b ? -1 : 1), String(options.get('columnprefix') ?? ''), String(options.get('columnsconflict') ?? 'error'), bag)
}

const TYPES: Readonly<Record<string, Scalar>> = { long: 'long', double: 'real', string: 'string', bool: 'bool' }

function typeFor (kinds: ReadonlySet<string>): Scalar {
  const found = [...kinds]
  if (found.length === 1) return TYPES[found[0]] ?? 'dynamic'
  return found.length === 2 && kinds.has('long') && kinds.has('double') ? 'real' : 'dynamic'
}

function unpacked (input: Table, place: number, bags: Bag[], keys: Array<[string, Set<string>]>, prefix: string, conflict: string, node: Syntax): Table {
  const cells: Array<{ column: Column, of: (row: Row, bag: Bag) => Value }> = []
  input.columns.forEach((column, index) => {
    if (index !== place) cells.push({ column, of: row => row[index] })
  })
  let own = place
  for (const [key, kinds] of keys) {
    const column: Column = { name: `${prefix}${key}`, type: typeFor(kinds) }
    const of = (_row: Row, bag: Bag): Value => convert(bag.get(key) ?? null, 'dynamic', column.type) ?? missing(column.type)
    const same = cells.findIndex(cell => cell.column.name === column.name)
    if (same !== -1) {
      if (/error/i.test(conflict)) throw wrong(`bag_unpack(): there is a column '${column.name}' already`, node)
      if (/replace/i.test(conflict)) cells[same] = { column, of }
    } else if (column.name === input.columns[place].name) cells.splice(own++, 0, { column, of })
    else cells.push({ column, of })
  }
  return { columns: cells.map(({ column }) => column), rows: input.rows.map((row, index) => cells.map(({ of }) => of(row, bags[index]))), serialized: false }
}

function pivot (call: Syntax, input: Table, scope: Scope): Table {
  const context = { ...contextOf(input, scope), window: undefined }
  const [first, second, ...others] = args(call)
  const on = compile(first, context)
  const aggregate = second === undefined ? undefined : aggregation(second, context)
  const used = new Set([first, ...(second === undefined ? [] : args(second))].map(one => kindOf(one) === 'NameReference' ? nameOf(one) : ''))
  const kept = others.length > 0 ? places(input, others.map(nameOf)) : input.columns.map((_, index) => index).filter(index => !used.has(input.columns[index].name))
  const create = (): { add: (row: Row) => void, results: () => Value[] } => aggregate?.create() ?? counter()
  type Cells = Map<string, ReturnType<typeof create>>
  const names = new Set<string>()
  const groups = group<{ keys: Value[], cells: Cells }>(input.rows, row => kept.map(index => resolved(row[index])), keyOfAll, keys => ({ keys, cells: new Map() }), ({ cells }, row) => {
    scope.run.step()
    const name = toText(on.of(row), on.type)
    names.add(name)
    const found = cells.get(name) ?? create()
    cells.set(name, found)
    found.add(row)
  })
  const sorted = [...names].sort()
  const type = aggregate?.expression.type ?? 'long'
  return {
    columns: [...kept.map(index => input.columns[index]), ...sorted.map((name): Column => ({ name, type }))],
    rows: groups.map(({ keys, cells }) => [...keys, ...sorted.map(name => (cells.get(name) ?? create()).results()[0])]),
    serialized: false
  }
}

/** A row for each cell. */
function narrow (_call: Syntax, { columns, rows }: Table, scope: Scope): Table {
  const cells: Row[] = []
  rows.forEach((row, index) => columns.forEach(({ name, type }, place) => {
    scope.run.made1(3)
    cells.push([index, name, toText(resolved(row[place]), type)])
  }))
  return { columns: [{ name: 'Row', type: 'long' }, { name: 'Column', type: 'string' }, { name: 'Value', type: 'string' }], rows: cells, serialized: false }
}

function counter () {
  let rows = 0
  return { add () { rows++ }, results: (): Value[] => [rows] }
}
