/** The stored rows as tables for queries: added as they arrive, dropped when the store drops them. */
import { toRow } from '../columns'
import type { Envelope, RowType } from '../rows'
import { convert } from './convert'
import { fromMilliseconds } from './datetime'
import type { Int } from './integers'
import type { Schema } from './language'
import type { QueryScope } from './messages'
import type { Tables } from './scope'
import { STORED, SYSTEM_EVENTS, WORKSPACE, type StoredTable } from './tables'
import type { Column, Row, Value } from './values'

/** Texts shared by many rows are stored once: up to this many, up to this length. */
const SHARED = 20_000
const SHORT = 120
/** Columns whose values rarely repeat. */
const DISTINCT = new Set(['id', 'url', 'data', 'message', 'outerMessage', 'innermostMessage', 'operation_Id', 'operation_ParentId', 'session_Id', 'user_Id', 'itemId'])

interface Kept { table: StoredTable, ids: number[], rows: Row[] }

export function createRows () {
  const kept = new Map<RowType, Kept>(STORED.map(table => [table.kind, { table, ids: [], rows: [] }]))
  let shared = new Map<string, string>()

  function once (value: Value): Value {
    if (typeof value !== 'string' || value.length > SHORT) return value
    const known = shared.get(value)
    if (known !== undefined) return known
    if (shared.size >= SHARED) shared = new Map()
    shared.set(value, value)
    return value
  }

  const tables: Tables = {
    schemas: [
      ...STORED.flatMap(({ name, workspace, columns }): Schema[] => [
        { name, columns: columns.map(column => ({ name: column.name, type: column.type })) },
        { name: workspace, columns: workspaceColumns(columns) }
      ]),
      { name: SYSTEM_EVENTS.name, columns: workspaceColumns(SYSTEM_EVENTS.columns) }
    ],
    rows (name) {
      for (const { table, rows } of kept.values()) {
        if (table.name === name) return rows
        if (table.workspace === name) return rows.map(workspaceRow(table))
      }
      return []
    }
  }

  return {
    tables,

    /** The rows selected by the page's time and role filters. */
    within (scope: QueryScope): Tables {
      return within([...kept.values()], tables, scope)
    },

    add (items: ReadonlyArray<readonly [itemId: number, text: string]>): void {
      for (const [itemId, text] of items) {
        const row = toRow(JSON.parse(text) as Envelope, itemId)
        const bytes = Buffer.byteLength(text)
        const found = kept.get(row.type)
        if (found === undefined) continue
        found.ids.push(itemId)
        found.rows.push(found.table.columns.map(column => DISTINCT.has(column.name) ? column.read(row, bytes) : once(column.read(row, bytes))))
      }
    },

    /** Drops the rows before the first one in the store. */
    dropBefore (first: number): void {
      for (const found of kept.values()) {
        const from = found.ids.findIndex(itemId => itemId >= first)
        if (from === 0) continue
        found.rows = from === -1 ? [] : found.rows.slice(from)
        found.ids = from === -1 ? [] : found.ids.slice(from)
      }
    }
  }
}

function within (kept: readonly Kept[], tables: Tables, { from, to, role }: QueryScope): Tables {
  if (from === undefined && to === undefined && role === undefined) return tables
  const lowest = from === undefined ? -Infinity : fromMilliseconds(from)
  const highest = to === undefined ? Infinity : fromMilliseconds(to)
  return {
    schemas: tables.schemas,
    rows (name) {
      const found = kept.find(({ table }) => table.name === name || table.workspace === name)
      if (found === undefined) return []
      const time = found.table.columns.findIndex(column => column.name === 'timestamp')
      const place = found.table.columns.findIndex(column => column.name === 'cloud_RoleName')
      const rows = found.rows.filter(row => (row[time] as Int) >= lowest && (row[time] as Int) <= highest && (role === undefined || row[place] === role))
      return found.table.name === name ? rows : rows.map(workspaceRow(found.table))
    }
  }
}

function workspaceColumns (columns: StoredTable['columns']): Column[] {
  return [
    ...columns.flatMap(({ workspace, workspaceType, type }) => workspace === undefined ? [] : [{ name: workspace, type: workspaceType ?? type }]),
    ...WORKSPACE.map(([name]) => ({ name, type: 'string' as const }))
  ]
}

function workspaceRow ({ workspace, columns }: StoredTable): (row: Row) => Row {
  const from = columns.map((column, index) => ({ ...column, index })).filter(column => column.workspace !== undefined)
  const more = WORKSPACE.map(([, read]) => read(workspace))
  return row => [...from.map(({ index, type, workspaceType }) => workspaceType === undefined ? row[index] : convert(row[index], type, workspaceType)), ...more]
}
