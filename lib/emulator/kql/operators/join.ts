/** join and lookup: rows of two tables with equal keys. */
import { keyOfAll } from '../compare'
import { columnNamed, evaluate, type Context, type Expression } from '../expression'
import type { Scope } from '../scope'
import { kindOf, lacking, list, nameOf, optional, parameters, part, wrong, type Syntax } from '../syntax'
import { missing, type Row, type Table } from '../values'
import { answer, type Operator } from './define'

interface Keys { left: Array<Expression['of']>, right: Array<Expression['of']>, rightNames: string[] }

function keysOf (conditions: Syntax[], left: Context, right: Context): Keys {
  const keys: Keys = { left: [], right: [], rightNames: [] }
  function column (name: string, context: Context, node: Syntax): Expression['of'] {
    const found = columnNamed(name, context)
    if (found === undefined) throw wrong(`The name '${name}' does not refer to any known column`, node)
    return found.of
  }
  function add (node: Syntax): void {
    const kind = kindOf(node)
    if (kind === 'ParenthesizedExpression') return add(part(node, 'Expression'))
    if (kind === 'AndExpression') {
      add(part(node, 'Left'))
      return add(part(node, 'Right'))
    }
    if (kind === 'NameReference') {
      const name = nameOf(node)
      keys.left.push(column(name, left, node))
      keys.right.push(column(name, right, node))
      keys.rightNames.push(name)
      return
    }
    if (kind !== 'EqualExpression') throw lacking('A join on anything but equal columns', node)
    const sides = [part(node, 'Left'), part(node, 'Right')]
    const [own, other] = /^\$right\b/.test(sides[0].ToString().trim()) ? [sides[1], sides[0]] : sides
    const names = [own, other].map(side => nameOf(kindOf(side) === 'PathExpression' ? part(side, 'Selector') : side))
    keys.left.push(column(names[0], left, own))
    keys.right.push(column(names[1], right, other))
    keys.rightNames.push(names[1])
  }
  conditions.forEach(add)
  return keys
}

interface Matched { input: Table, other: Table, keys: Keys, index: Map<unknown, number[]>, keyOfLeft: (row: Row) => unknown }

function matched (node: Syntax, clause: string, input: Table, scope: Scope): Matched {
  const other = evaluate(part(node, 'Expression'), scope)
  const conditions = list(optional(node, clause), 'Expressions')
  const keys = keysOf(conditions, { columns: input.columns, scope }, { columns: other.columns, scope })
  const index = new Map<unknown, number[]>()
  other.rows.forEach((row, place) => {
    scope.run.step()
    const key = keyOfAll(keys.right.map(of => of(row)))
    const found = index.get(key)
    if (found === undefined) index.set(key, [place])
    else found.push(place)
  })
  return { input, other, keys, index, keyOfLeft: row => keyOfAll(keys.left.map(of => of(row))) }
}

const SEMI = /^(?:left|right)(?:semi|anti|antisemi)$/

export const join: Operator = (node, input, scope) => {
  const kind = (parameters(node).get('kind') ?? 'innerunique').toLowerCase()
  const found = matched(node, 'ConditionClause', input, scope)
  if (SEMI.test(kind) || kind === 'anti') return answer(node, filtered(kind, found, scope))
  if (!/^(?:innerunique|inner|leftouter|rightouter|fullouter)$/.test(kind)) throw lacking(`join kind=${kind}`, node)
  const { other, index, keyOfLeft } = found
  const rows: Row[] = []
  const used = new Set<number>()
  const width = input.columns.length + other.columns.length
  const noLeft = input.columns.map(({ type }) => missing(type))
  const noRight = other.columns.map(({ type }) => missing(type))
  const seen = new Set<unknown>()
  for (const row of input.rows) {
    scope.run.step()
    const key = keyOfLeft(row)
    // innerunique takes one left row per key.
    if (kind === 'innerunique') {
      if (seen.has(key)) continue
      seen.add(key)
    }
    const places = index.get(key)
    if (places === undefined) {
      if (kind === 'leftouter' || kind === 'fullouter') rows.push([...row, ...noRight])
      continue
    }
    for (const place of places) {
      scope.run.made1(width)
      rows.push([...row, ...other.rows[place]])
      if (kind === 'rightouter' || kind === 'fullouter') used.add(place)
    }
  }
  if (kind === 'rightouter' || kind === 'fullouter') {
    other.rows.forEach((row, place) => { if (!used.has(place)) rows.push([...noLeft, ...row]) })
  }
  return answer(node, rows)
}

function filtered (kind: string, { input, other, keys, index, keyOfLeft }: Matched, scope: Scope): Row[] {
  const wanted = kind.endsWith('semi') && !kind.endsWith('antisemi')
  if (!kind.startsWith('right')) return input.rows.filter(row => { scope.run.step(); return index.has(keyOfLeft(row)) === wanted })
  const left = new Set(input.rows.map(keyOfLeft))
  return other.rows.filter(row => { scope.run.step(); return left.has(keyOfAll(keys.right.map(of => of(row)))) === wanted })
}

/** Leaves out the keys of the right side. */
export const lookup: Operator = (node, input, scope) => {
  const kind = (parameters(node).get('kind') ?? 'leftouter').toLowerCase()
  const { other, keys, index, keyOfLeft } = matched(node, 'LookupClause', input, scope)
  const kept = other.columns.map((_, place) => place).filter(place => !keys.rightNames.includes(other.columns[place].name))
  const noRight = kept.map(place => missing(other.columns[place].type))
  const rows: Row[] = []
  for (const row of input.rows) {
    const places = index.get(keyOfLeft(row))
    if (places === undefined && kind === 'leftouter') rows.push([...row, ...noRight])
    // The engine returns the last of several matches first.
    for (const place of [...places ?? []].reverse()) {
      scope.run.made1(row.length + kept.length)
      rows.push([...row, ...kept.map(column => other.rows[place][column])])
    }
  }
  return answer(node, rows)
}
