/** One row: Azure's columns, the custom dimensions, stacks, and what was received. */
import { useEffect, useState } from 'preact/hooks'
import type { Row } from '../rows'
import { Copy } from './copy'
import { duration, SEVERITIES } from './format'
import { findings } from '../health'
import { href } from './route'
import { row as fetchRow } from './server'
import { Kind } from './search'
import { bytesOf } from '../validation'

const HIDDEN = new Set(['type', 'itemId', 'customDimensions', 'customMeasurements', 'envelope', 'details', 'outerMessage', 'outerType', 'innermostMessage', 'innermostType', 'valueSum'])

export function Detail ({ itemId, close }: { itemId: number, close: () => void }) {
  const [row, setRow] = useState<Row>()
  const [error, setError] = useState<string>()

  useEffect(() => {
    const abort = new AbortController()
    fetchRow(itemId, abort.signal).then(
      row => { setRow(row); setError(undefined) },
      (error: Error) => { if (!abort.signal.aborted) { setRow(undefined); setError(error.message) } })
    return () => abort.abort()
  }, [itemId])

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => { if (event.key === 'Escape') close() }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [close])

  return (
    <aside class='detail' aria-label='Row'>
      <header>
        {row && <Kind type={row.type} severity={row.severityLevel} />}
        <h2>{row ? title(row) : error ? 'Gone' : '…'}</h2>
        <button type='button' class='plain' aria-label='Close' title='Close (Esc)' onClick={close}>✕</button>
      </header>
      {error && <p class='bad'>{error}</p>}
      {row && <Body row={row} />}
    </aside>
  )
}

function title (row: Row): string {
  if (row.type === 'exception') return row.exceptionType || 'Exception'
  return row.name || row.message || '(no name)'
}

export function Body ({ row }: { row: Row }) {
  // Judged by its own time: an old row was once fresh.
  const flags = findings(row.envelope, bytesOf(JSON.stringify(row.envelope)), Date.parse(row.timestamp))
  const columns = Object.entries(row).filter(([name]) => !HIDDEN.has(name))
  return (
    <div class='body'>
      <div class='actions'>
        {row.operation_Id && <a class='button' href={href('operation', { id: row.operation_Id, row: row.itemId })}>View operation</a>}
        <Copy text={() => JSON.stringify(row, null, 2)}>Copy as JSON</Copy>
        <Copy text={() => `${location.origin}/${href('search', { row: row.itemId })}`}>Copy link</Copy>
      </div>
      {flags.length > 0 && <ul class='flags'>{flags.map(({ verdict, reason }) => <li key={reason}><b>{verdict}</b> {reason}</li>)}</ul>}
      {row.details?.map((detail, index) => (
        <section key={index}>
          <h3>{index === 0 ? 'Exception' : 'Caused by'}</h3>
          <pre class='stack'>{detail.stack || `${detail.typeName}: ${detail.message}`}</pre>
        </section>
      ))}
      <Pairs heading='Custom dimensions' pairs={Object.entries(row.customDimensions)} />
      <Pairs heading='Custom measurements' pairs={Object.entries(row.customMeasurements)} />
      <Pairs heading='Columns' pairs={columns.map(([name, value]) => [name, show(name, value)])} />
      <details>
        <summary>What was received</summary>
        <pre>{JSON.stringify(row.envelope, null, 2)}</pre>
      </details>
    </div>
  )
}

function show (name: string, value: unknown): string {
  if (name === 'severityLevel') return `${value} ${SEVERITIES[value as number]}`
  if (name.toLowerCase().endsWith('duration') && typeof value === 'number') return duration(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function Pairs ({ heading, pairs }: { heading: string, pairs: Array<[string, unknown]> }) {
  if (pairs.length === 0) return null
  return (
    <section>
      <h3>{heading}</h3>
      <dl>{pairs.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{String(value)}</dd></div>)}</dl>
    </section>
  )
}
