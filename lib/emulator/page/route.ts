/** The address's hash → which view is shown, and with what. */
import { useEffect, useState } from 'preact/hooks'

export interface Route {
  view: string
  params: URLSearchParams
}

export function readRoute (hash: string): Route {
  const [path, search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  return { view: path || 'search', params: new URLSearchParams(search) }
}

export function useRoute (): Route {
  const [route, setRoute] = useState(() => readRoute(location.hash))
  useEffect(() => {
    const changed = () => setRoute(readRoute(location.hash))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return route
}

/** What every view obeys, so that it goes along from one to the next. */
export const SCOPE = ['role', 'within', 'from', 'to'] as const

/** The scope as the emulator's API takes it, with more. */
export function scopeQuery (params: URLSearchParams, more: Record<string, string> = {}): string {
  return new URLSearchParams([...SCOPE.flatMap(name => params.getAll(name).map(value => [name, value])), ...Object.entries(more)]).toString()
}

/** Values that are undefined or empty leave the address; the scope stays unless the values name it. */
export function href (view: string, params: Record<string, string | number | undefined> = {}): string {
  const { params: now } = readRoute(location.hash)
  const scope = SCOPE.flatMap(name => Object.hasOwn(params, name) ? [] : now.getAll(name).map(value => [name, value] as const))
  return address(view, [...Object.entries(params), ...scope])
}

function address (view: string, entries: Array<readonly [string, string | number | undefined]>): string {
  const search = new URLSearchParams(entries.filter(([, value]) => value !== undefined && value !== '').map(([key, value]) => [key, String(value)]))
  return search.size === 0 ? `#/${view}` : `#/${view}?${search}`
}

/** Changes the address's parameters; typing into a filter must not fill the history. */
export function change (changes: Record<string, string | number | undefined>, { replace = true } = {}): void {
  const { view, params } = readRoute(location.hash)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined || value === '') params.delete(key)
    else params.set(key, String(value))
  }
  const next = address(view, [...params])
  if (next === location.hash) return
  if (replace) {
    history.replaceState(null, '', next)
    dispatchEvent(new Event('hashchange'))
  } else location.hash = next
}
