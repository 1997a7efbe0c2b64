/** Queries that were run, newest first, kept in this browser. */

const KEY = 'queries'
const MOST = 50

export function pastQueries (): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(kept) ? kept.filter(query => typeof query === 'string') : []
  } catch {
    return []
  }
}

export function remember (query: string): void {
  const queries = [query, ...pastQueries().filter(other => other !== query)].slice(0, MOST)
  try {
    localStorage.setItem(KEY, JSON.stringify(queries))
  } catch {
    // The browser has no room: the history is a convenience.
  }
}

export function forget (): void {
  localStorage.removeItem(KEY)
}
