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

/** Values that are undefined or empty leave the address. */
export function href (view: string, params: Record<string, string | number | undefined> | URLSearchParams = {}): string {
  const entries = params instanceof URLSearchParams ? [...params] : Object.entries(params)
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
  const next = href(view, params)
  if (next === location.hash) return
  if (replace) {
    history.replaceState(null, '', next)
    dispatchEvent(new Event('hashchange'))
  } else location.hash = next
}
