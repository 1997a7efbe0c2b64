/** One row: what went wrong, what else its operation did, Azure's columns, custom dimensions, and what was received. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Row } from '../rows'
import { Copy } from './copy'
import { clock, day, duration, quantity, SEVERITIES, unitOf } from './format'
import { findings } from '../health'
import { term } from '../search'
import { Related } from './related'
import { href } from './route'
import { Kind } from './row'
import { row as fetchRow } from './server'
import { Stack } from './stack'
import { bytesOf } from '../validation'
import { zoneName } from './zone'

const HIDDEN = new Set(['type', 'itemId', 'customDimensions', 'customMeasurements', 'envelope', 'details', 'outerMessage', 'outerType', 'innermostMessage', 'innermostType', 'valueSum'])

export function Detail ({ itemId, close, inOperation = false }: { itemId: number, close: () => void, inOperation?: boolean }) {
  const [row, setRow] = useState<Row>()
  const [error, setError] = useState<string>()
  const aside = useRef<HTMLElement>(null)

  /** Whoever was reading the row with the keyboard goes on in the list, not at the top of the page. */
  function leave (): void {
    const held = aside.current?.contains(document.activeElement)
    close()
    if (held) requestAnimationFrame(() => document.querySelector<HTMLElement>('#main [role="grid"]')?.focus())
  }

  useEffect(() => {
    const abort = new AbortController()
    fetchRow(itemId, abort.signal).then(
      row => { setRow(row); setError(undefined) },
      (error: Error) => { if (!abort.signal.aborted) { setRow(undefined); setError(error.message) } })
    return () => abort.abort()
  }, [itemId])

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open]') && !(event.target instanceof HTMLInputElement)) leave()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [close])

  return (
    <aside class='detail' aria-label='Row' ref={aside}>
      <header>
        {row && <Kind type={row.type} severity={row.severityLevel} />}
        <h2>{row ? title(row) : error ? 'Gone' : '…'}</h2>
        <button type='button' class='plain' aria-label='Close' title='Close (Esc)' onClick={leave}>✕</button>
      </header>
      {error && <p class='bad pad'>{error}</p>}
      {row && <Body key={row.itemId} row={row} inOperation={inOperation} />}
    </aside>
  )
}

function title (row: Row): string {
  if (row.type === 'exception') return `${row.exceptionType || 'Exception'}: ${row.message ?? ''}`
  return row.name || row.message || '(no name)'
}

function Body ({ row, inOperation }: { row: Row, inOperation: boolean }) {
  // Judged by its own time: an old row was once fresh.
  const flags = findings(row.envelope, bytesOf(JSON.stringify(row.envelope)), Date.parse(row.timestamp))
  const columns = Object.entries(row).filter(([name]) => !HIDDEN.has(name))
  return (
    <div class='body'>
      <div class='actions'>
        {row.operation_Id && !inOperation && <a class='button primary' href={href('operation', { id: row.operation_Id, at: row.itemId })}>View operation</a>}
        <Copy text={() => JSON.stringify(row, null, 2)}>Copy as JSON</Copy>
        <Copy text={() => `${location.origin}/${href('search', { row: row.itemId })}`}>Copy link</Copy>
      </div>
      {flags.length > 0 && <ul class='flags'>{flags.map(({ verdict, reason }) => <li key={reason}><b>{verdict}</b> {reason}</li>)}</ul>}
      {row.details?.map((detail, index) => <Stack key={index} detail={detail} heading={index === 0 ? 'Exception' : 'Caused by'} />)}
      {row.operation_Id && !inOperation && <Related id={row.operation_Id} itemId={row.itemId} />}
      <Pairs heading='Custom dimensions' pairs={Object.entries(row.customDimensions)} searchable={name => term(`customDimensions.${name}`, row.customDimensions[name])} />
      <Pairs heading='Custom measurements' pairs={Object.entries(row.customMeasurements)} />
      <Pairs heading='Columns' pairs={columns.map(([name, value]) => [name, show(row, name, value)])} />
      <details>
        <summary>What was received</summary>
        <pre>{JSON.stringify(row.envelope, null, 2)}</pre>
      </details>
    </div>
  )
}

function show (row: Row, name: string, value: unknown): string {
  if (name === 'timestamp') return `${day(Date.parse(row.timestamp))} ${clock(Date.parse(row.timestamp))} ${zoneName()}`
  if (name === 'severityLevel') return `${value} ${SEVERITIES[value as number]}`
  if (typeof value === 'number' && name.toLowerCase().endsWith('duration')) return duration(value)
  if (typeof value === 'number' && /^value(?:Min|Max|StdDev)?$/.test(name)) return quantity(value, unitOf(row.name ?? ''))
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

interface PairsProps {
  heading: string
  pairs: Array<[string, unknown]>
  /** The search that finds rows with the same value. */
  searchable?: (name: string) => string
}

function Pairs ({ heading, pairs, searchable }: PairsProps) {
  if (pairs.length === 0) return null
  return (
    <section>
      <h3>{heading}</h3>
      <dl>
        {pairs.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span>{String(value)}</span>
              {searchable && String(value).length <= 200 && <button type='button' class='plain find' aria-label={`Find rows with this ${name}`} title='Find rows with this value' onClick={() => { location.hash = href('search', { text: searchable(name) }) }}>⌕</button>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
