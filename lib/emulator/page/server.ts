/** The emulator's API, as the page sees it. */
import { useEffect, useState } from 'preact/hooks'
import type { Row, RowType } from '../rows'
import type { Kept } from '../store'

export type Line = Omit<Kept, 'text'>

/** What the emulator keeps at the moment. */
export interface State {
  first: number
  last: number
  size: number
  bytes: number
  dropped: number
}

export interface Lines extends State {
  total: number
  counts: Partial<Record<RowType, number>>
  lines: Line[]
}

export async function ask<T> (path: string, signal?: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal })
  const body = await response.json() as T & { error?: string }
  if (!response.ok) throw new Error(body.error ?? `The emulator answered ${response.status}`)
  return body
}

export async function row (itemId: number, signal?: AbortSignal): Promise<Row> {
  return await ask<Row>(`/api/rows/${itemId}`, signal)
}

export async function clearRows (): Promise<void> {
  await fetch('/api/rows', { method: 'DELETE' })
}

/** Follows the emulator: what it keeps, and whether it is there at all. */
export function useLive (): { state: State | undefined, connected: boolean } {
  const [state, setState] = useState<State>()
  const [connected, setConnected] = useState(false)
  useEffect(() => {
    const source = new EventSource('/api/live')
    source.onopen = () => setConnected(true)
    source.onerror = () => setConnected(false)
    source.onmessage = event => setState(JSON.parse(event.data as string) as State)
    return () => source.close()
  }, [])
  return { state, connected }
}
