/** Rows of figures → a table that its columns' heads sort. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'

export interface Column<T> {
  name: string
  /** What it means, where the name alone does not say. */
  title?: string
  /** What it is sorted by; a column without cannot be. */
  by?: (row: T) => number | string
  show: (row: T) => ComponentChildren
  number?: boolean
  /** Not shown where room is short. */
  wide?: boolean
}

interface TableProps<T> {
  label: string
  columns: Array<Column<T> | false>
  rows: readonly T[]
  keyOf: (row: T) => string
  /** The column that it is sorted by at first, the largest on top. */
  first: string
  empty?: string
}

/** Lines that are shown before somebody asks for more. */
const SHOWN = 25

export function Table<T> ({ label, columns, rows, keyOf, first, empty = 'None' }: TableProps<T>) {
  const [{ name, up }, sort] = useState({ name: first, up: false })
  const [all, showAll] = useState(false)
  const given = columns.filter(column => column !== false)
  const by = given.find(column => column.name === name)?.by
  const sorted = by === undefined ? rows : [...rows].sort((a, b) => (up ? 1 : -1) * compare(by(a), by(b)))
  if (rows.length === 0) return <p class='soft pad'>{empty}</p>
  return (
    <div class='table' tabIndex={0} role='region' aria-label={label}>
      <table>
        <thead>
          <tr>
            {given.map(column => (
              <th key={column.name} scope='col' title={column.title} class={classOf(column)} aria-sort={column.name === name ? up ? 'ascending' : 'descending' : undefined}>
                {column.by === undefined
                  ? column.name
                  : <button type='button' class='plain' onClick={() => sort({ name: column.name, up: column.name === name && !up })}>{column.name}{column.name === name ? up ? ' ↑' : ' ↓' : ''}</button>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {(all ? sorted : sorted.slice(0, SHOWN)).map(row => (
            <tr key={keyOf(row)}>
              {given.map((column, index) => index === 0
                ? <th key={column.name} scope='row'>{column.show(row)}</th>
                : <td key={column.name} class={classOf(column)} data-label={column.name}>{column.show(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {!all && rows.length > SHOWN && <button type='button' class='more' onClick={() => showAll(true)}>Show all {rows.length}</button>}
    </div>
  )
}

function classOf<T> ({ number, wide }: Column<T>): string | undefined {
  return [number && 'number', wide && 'wide-only'].filter(Boolean).join(' ') || undefined
}

function compare (a: number | string, b: number | string): number {
  return typeof a === 'string' || typeof b === 'string' ? String(b).localeCompare(String(a)) : a - b
}
