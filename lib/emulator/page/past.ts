/** Queries that were run, newest first, kept in this browser. */
import { keep, kept } from './storage'

const KEY = 'queries'
const MOST = 50

export function pastQueries (): string[] {
  try {
    const queries: unknown = JSON.parse(kept(KEY) ?? '[]')
    return Array.isArray(queries) ? queries.filter(query => typeof query === 'string') : []
  } catch {
    return []
  }
}

export function remember (query: string): void {
  keep(KEY, JSON.stringify([query, ...pastQueries().filter(other => other !== query)].slice(0, MOST)))
}

export function forget (): void {
  keep(KEY, undefined)
}
