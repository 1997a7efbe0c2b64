/** A row in a line: what kind it is, and what it is about. */
import { useEffect, useState } from 'preact/hooks'
import { SEVERITIES, kindName, quantity, unitOf } from './format'
import type { RowType } from '../rows'
import type { Line } from './server'

export function Kind ({ type, severity }: { type: RowType, severity?: number }) {
  const level = type === 'trace' && severity !== undefined && severity >= 2 ? ` severity-${severity}` : ''
  return <span class={`badge kind-${type}${level}`}>{type === 'trace' && severity !== undefined && severity !== 1 ? SEVERITIES[severity] : kindName(type)}</span>
}

export function What ({ line }: { line: Line }) {
  const about = aboutOf(line)
  // Each in a <bdi>: text from right to left, or with marks that turn it around, must not turn around what is beside it.
  const main = line.type === 'exception' ? <><b><bdi>{line.exceptionType}</bdi></b>: <bdi>{line.message}</bdi></> : <bdi>{line.type === 'trace' ? line.message : line.name || '(no name)'}</bdi>
  return about ? <>{main} <i><bdi>{about}</bdi></i></> : <>{main}</>
}

/** What the name leaves out: the address that was asked, or the operation that a row is part of. */
function aboutOf (line: Line): string | undefined {
  if (line.type === 'request' || line.type === 'pageView') {
    const path = pathOf(line.url)
    return path !== undefined && !line.name?.endsWith(path) ? path : undefined
  }
  if (line.type === 'dependency') return line.target && !line.name?.includes(line.target) ? line.target : undefined
  return line.operation_Name === line.name ? undefined : line.operation_Name
}

function pathOf (url: string | undefined): string | undefined {
  return url?.replace(/^[a-z]+:\/\/[^/?#]*/i, '') || undefined
}

export function isBad (line: Line): boolean {
  return line.success === false || line.type === 'exception'
}

/** Status, or a metric's value. */
export function resultOf (line: Line): string {
  if (line.resultCode !== undefined) return line.resultCode
  if (line.value === undefined) return ''
  return quantity(line.value / Math.max(1, line.valueCount ?? 1), unitOf(line.name ?? ''))
}

const NARROW = matchMedia('(max-width: 760px)')

/** Whether there is room for one thing at a time only. */
export function useNarrow (): boolean {
  const [narrow, setNarrow] = useState(NARROW.matches)
  useEffect(() => {
    const changed = () => setNarrow(NARROW.matches)
    NARROW.addEventListener('change', changed)
    return () => NARROW.removeEventListener('change', changed)
  }, [])
  return narrow
}
