/** The emulator's API, as the page sees it. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Row, RowType } from '../rows'
import type { Kept } from '../store'
import type { Route } from './route'

export type Line = Omit<Kept, 'text' | 'size'> & { url?: string }

export interface ViewProps { route: Route, state: State | undefined, paused: boolean }

/** What the emulator keeps at the moment. */
export interface State {
  first: number
  last: number
  size: number
  bytes: number
  dropped: number
  roles: string[]
}

export interface Lines extends State {
  total: number
  counts: Partial<Record<RowType, number>>
  lines: Line[]
  /** Of an operation: places of the rows that a search in it finds. */
  found?: number[]
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

/** The shortest time between two questions for the same sums, in milliseconds. */
const ASK_EVERY = 1_000

/** How often a question about the last minutes is asked again where no row comes, in milliseconds. */
const AGE_EVERY = 10_000

/** Counts up, so that a view of the last minutes moves on. */
function useAge (moving: boolean): number {
  const [age, grow] = useState(0)
  useEffect(() => {
    if (!moving) return
    const timer = setInterval(() => grow(age => age + 1), AGE_EVERY)
    return () => clearInterval(timer)
  }, [moving])
  return age
}

/** An answer that is asked for again as rows arrive, unless it is held. An empty path asks nothing. */
export function useAnswer<T> (path: string, state: State | undefined, held: boolean): { answer: T | undefined, error: string | undefined } {
  const [answer, setAnswer] = useState<T>()
  const [error, setError] = useState<string>()
  const done = useRef({ path: '', version: '', at: 0 })
  const age = useAge(path.includes('within='))
  const version = state === undefined || path === '' ? '' : `${state.first}:${state.last}:${state.size}:${age}`

  useEffect(() => {
    const same = done.current.path === path
    if (version === '' || (same && (held || done.current.version === version))) return
    if (!same) setAnswer(undefined)
    const abort = new AbortController()
    const timer = setTimeout(() => {
      ask<T>(path, abort.signal).then(
        answer => {
          done.current = { path, version, at: Date.now() }
          setAnswer(answer)
          setError(undefined)
        },
        (error: Error) => { if (!abort.signal.aborted) setError(error.message) })
    }, same ? Math.max(0, done.current.at + ASK_EVERY - Date.now()) : 0)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [path, version, held])
  return { answer, error }
}
