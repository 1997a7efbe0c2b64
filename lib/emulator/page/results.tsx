/** A query's answer as a table, or drawn as its `render` asks. */
import { Fragment } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { QueryResult } from '../kql/output'
import { Copy } from './copy'
import { clock, count, day, short } from './format'
import { Plot } from './plot'
import { pictureOf } from './render'
import { href } from './route'
import { zoneName } from './zone'

type Column = QueryResult['columns'][number]

/** Lines that are shown before somebody asks for more. */
const SHOWN = 200
const NUMBERS = new Set(['int', 'long', 'real', 'decimal'])

export function Results ({ result }: { result: QueryResult }) {
  const picture = useMemo(() => pictureOf(result), [result])
  const drawn = typeof picture === 'object'
  const [asTable, showTable] = useState(false)
  return (
    <section class='block results' aria-label='Answer'>
      <div class='actions'>
        {drawn && (
          <div class='chips' role='group' aria-label='Show as'>
            <button type='button' class='chip' aria-pressed={!asTable} onClick={() => showTable(false)}>Chart</button>
            <button type='button' class='chip' aria-pressed={asTable} onClick={() => showTable(true)}>Table</button>
          </div>
        )}
        <Copy text={() => separated(result, '\t')}>Copy rows</Copy>
        <Download result={result} />
        {typeof picture === 'string' && <span class='soft'>{picture}</span>}
      </div>
      {drawn && !asTable ? <Plot picture={picture} /> : <Rows result={result} />}
    </section>
  )
}

function Download ({ result }: { result: QueryResult }) {
  return (
    <button
      type='button' onClick={() => {
        const link = document.createElement('a')
        link.href = URL.createObjectURL(new Blob([separated(result, ',')], { type: 'text/csv' }))
        link.download = 'query.csv'
        link.click()
        setTimeout(() => URL.revokeObjectURL(link.href), 1_000)
      }}
    >
      CSV
    </button>
  )
}

function separated ({ columns, rows }: QueryResult, by: string): string {
  const cell = (value: unknown) => {
    const text = value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
    return /["\r\n]/.test(text) || text.includes(by) ? `"${text.replace(/"/g, '""')}"` : text
  }
  return [columns.map(({ name }) => cell(name)).join(by), ...rows.map(row => row.map(cell).join(by))].join('\r\n')
}

function Rows ({ result: { columns, rows } }: { result: QueryResult }) {
  const [{ at, up }, sort] = useState({ at: -1, up: true })
  const [shown, show] = useState(SHOWN)
  const [open, setOpen] = useState<unknown[]>()
  const sorted = useMemo(() => at < 0 ? rows : [...rows].sort((a, b) => (up ? 1 : -1) * compare(a[at], b[at])), [rows, at, up])
  if (rows.length === 0) return <div class='empty'><h2>No rows</h2><p>The query ran and found nothing.</p></div>
  return (
    <div class='table' tabIndex={0} role='region' aria-label='Rows of the answer'>
      <table class='answer'>
        <thead>
          <tr>
            {columns.map((column, index) => (
              <th key={index} scope='col' class={NUMBERS.has(column.type) ? 'number' : undefined} aria-sort={at === index ? up ? 'ascending' : 'descending' : undefined}>
                <button type='button' class='plain' title={column.type} onClick={() => sort({ at: index, up: at !== index || !up })}>{column.name}{at === index ? up ? ' ↑' : ' ↓' : ''}</button>
                {column.type === 'datetime' && <small>{zoneName()}</small>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, shown).map((row, index) => (
            <Fragment key={index}>
              <tr class={open === row ? 'open' : undefined} onClick={event => { if (!(event.target instanceof HTMLAnchorElement) && String(getSelection()) === '') setOpen(open === row ? undefined : row) }}>
                {columns.map((column, at) => (
                  <td key={at} class={NUMBERS.has(column.type) ? 'number' : column.type}>
                    {at === 0 && <Whole open={open === row} />}
                    <Cell column={column} value={row[at]} />
                  </td>
                ))}
              </tr>
              {open === row && (
                <tr class='whole-row'>
                  <td colSpan={columns.length}><dl>{columns.map((column, at) => <div key={at}><dt>{column.name}</dt><dd><Cell column={column} value={row[at]} whole /></dd></div>)}</dl></td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
      {rows.length > shown && <button type='button' class='more' onClick={() => show(shown + 1_000)}>Show more: {count(rows.length - shown)} left</button>}
    </div>
  )
}

/** A click anywhere in the row does the same: this is for the keyboard. */
function Whole ({ open }: { open: boolean }) {
  return <button type='button' class='fold unfold' aria-expanded={open} aria-label={open ? 'Close the row' : 'Whole row'} />
}

function Cell ({ column: { name, type }, value, whole = false }: { column: Column, value: unknown, whole?: boolean }) {
  if (value === null || value === '') return null
  if (type === 'datetime') return <span title={String(value)}>{day(Date.parse(String(value)))} {clock(Date.parse(String(value)))}</span>
  if (/^operation_?Id$/i.test(name)) return <a href={href('operation', { id: String(value) })}>{whole ? String(value) : `${String(value).slice(0, 12)}…`}</a>
  if (typeof value === 'number' && (type === 'real' || type === 'decimal')) return <span title={String(value)}>{short(value)}</span>
  if (typeof value === 'number') return <>{count(value)}</>
  const text = typeof value === 'object' ? JSON.stringify(value, null, whole ? 2 : undefined) : String(value)
  return <>{whole || text.length <= 160 ? text : `${text.slice(0, 160)}…`}</>
}

function compare (a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a ?? '').localeCompare(String(b ?? ''), undefined, { numeric: true })
}
