/** What else happened in a row's operation: exceptions, calls and log lines around it, each a click away. */
import { useEffect, useState } from 'preact/hooks'
import { duration, plural } from './format'
import { change, href } from './route'
import { isBad, Kind, What } from './row'
import { ask, type Line, type Lines } from './server'

const MOST = 12

export function Related ({ id, itemId }: { id: string, itemId: number }) {
  const [lines, setLines] = useState<Line[]>()
  useEffect(() => {
    const abort = new AbortController()
    ask<Lines>(`/api/operation?operation=${encodeURIComponent(id)}`, abort.signal).then(({ lines }) => setLines(lines), () => {})
    return () => abort.abort()
  }, [id])
  if (lines === undefined || lines.length < 2) return null
  const here = lines.find(line => line.itemId === itemId)
  const shown = around(lines, itemId)
  return (
    <section>
      <h3>In this operation</h3>
      <ul class='related'>
        {shown.map(line => (
          <li key={line.itemId} class={line.itemId === itemId ? 'here' : undefined}>
            <button type='button' class='plain' aria-current={line.itemId === itemId || undefined} onClick={() => change({ row: line.itemId })}>
              <span class='offset'>{here && sign(line.time - here.time)}</span>
              <Kind type={line.type} severity={line.severityLevel} />
              <span class={isBad(line) ? 'about bad' : 'about'}><What line={line} /></span>
              <span class='soft'>{line.resultCode && line.resultCode !== '0' ? `${line.resultCode} ` : ''}{duration(line.duration)}</span>
            </button>
          </li>
        ))}
      </ul>
      {lines.length > shown.length && <a href={href('operation', { id, at: itemId })}>All {plural(lines.length, 'row')}</a>}
    </section>
  )
}

/** Failures first; then what happened closest to the row. */
function around (lines: Line[], itemId: number): Line[] {
  if (lines.length <= MOST) return lines
  const at = lines.findIndex(line => line.itemId === itemId)
  const near = lines.map((line, index) => ({ line, far: line.itemId === itemId ? -1 : (isBad(line) ? 0 : 1_000) + Math.abs(index - at) }))
  const kept = new Set(near.sort((a, b) => a.far - b.far).slice(0, MOST).map(({ line }) => line))
  return lines.filter(line => kept.has(line))
}

function sign (ms: number): string {
  return ms === 0 ? '' : `${ms < 0 ? '−' : '+'}${duration(Math.abs(ms))}`
}
