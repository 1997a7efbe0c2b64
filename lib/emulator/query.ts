/** A query → the matching rows, kept up to date as rows come and go. */
import { instant } from './fields'
import type { RowType } from './rows'
import { searchTest } from './search-match'
import type { Kept, Store } from './store'

/** All parts must match; omitted parts match everything. */
export interface Query {
  types?: RowType[]
  /** Only failures: failed calls, exceptions, error logs. */
  failed?: boolean
  /** Logs and exceptions with at least this severity. */
  severity?: number
  role?: string
  /** Milliseconds since 1970. */
  from?: number
  to?: number
  /** Words, `field:value`, AND, OR, NOT: see search.ts. */
  text?: string
  operationId?: string
  operationName?: string
  /** The row's own name. */
  name?: string
  /** A finding in Health, as `verdict: reason`. */
  flag?: string
  resultCode?: string
  exceptionType?: string
  /** Ignores rows that arrived after this one. */
  upTo?: number
}

/** Number of cached selections: a scrolling page repeats the same query again and again. */
const REMEMBERED = 8

export function createQueries (store: Store) {
  const remembered = new Map<string, { ids: number[], seen: number, first: number }>()
  store.listen(rows => { if (rows.length === 0) remembered.clear() })

  /** The matching rows' ids, oldest first. Don't modify; valid until the next row arrives. */
  return function select (query: Query): readonly number[] {
    const { upTo, ...lasting } = query
    const key = JSON.stringify(lasting)
    const selection = remembered.get(key) ?? { ids: [], seen: 0, first: 0 }
    remembered.delete(key)
    remembered.set(key, selection)
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value as string)

    if (selection.first < store.first) {
      selection.ids = selection.ids.slice(lowerBound(selection.ids, store.first))
      selection.first = store.first
    }
    if (selection.seen < store.last) {
      const test = predicate(lasting)
      for (const record of store.records(selection.seen + 1 - store.first)) if (test(record)) selection.ids.push(record.itemId)
      selection.seen = store.last
    }
    return upTo === undefined ? selection.ids : selection.ids.slice(0, lowerBound(selection.ids, upTo + 1))
  }
}

/** Index of the first id that is not below `id`. */
function lowerBound (ids: readonly number[], id: number): number {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ids[middle] < id) low = middle + 1
    else high = middle
  }
  return low
}

export function isFailed (record: Kept): boolean {
  return record.success === false || record.type === 'exception' || (record.type === 'trace' && (record.severityLevel ?? 0) >= 3)
}

function predicate (query: Query): (record: Kept) => boolean {
  const types = query.types && new Set(query.types)
  const found = query.text ? searchTest(query.text) : undefined
  return record =>
    (types === undefined || types.has(record.type)) &&
    (!query.failed || isFailed(record)) &&
    (query.severity === undefined || (record.severityLevel ?? -1) >= query.severity) &&
    (query.role === undefined || (record.cloud_RoleName ?? '') === query.role) &&
    (query.from === undefined || record.time >= query.from) &&
    (query.to === undefined || record.time <= query.to) &&
    (query.operationId === undefined || record.operation_Id === query.operationId) &&
    (query.operationName === undefined || (record.operation_Name ?? record.name) === query.operationName) &&
    (query.name === undefined || record.name === query.name) &&
    (query.flag === undefined || record.flags?.includes(query.flag) === true) &&
    (query.resultCode === undefined || record.resultCode === query.resultCode) &&
    (query.exceptionType === undefined || record.exceptionType === query.exceptionType) &&
    (found === undefined || found(record))
}

const TYPES: readonly string[] = ['request', 'dependency', 'trace', 'exception', 'event', 'metric', 'performanceCounter', 'pageView', 'browserTiming', 'availability'] satisfies RowType[]

/** A URL's query string → a query. Unreadable parts are ignored. */
export function readQuery (params: URLSearchParams): Query {
  const types = params.getAll('type').flatMap(type => type.split(',')).filter((type): type is RowType => TYPES.includes(type))
  return JSON.parse(JSON.stringify({
    types: types.length > 0 ? types : undefined,
    failed: params.has('failed') && params.get('failed') !== '0' ? true : undefined,
    severity: whole(params.get('severity')),
    role: params.get('role') ?? undefined,
    ...timesIn(params),
    text: params.get('text')?.slice(0, 2_000) || undefined,
    operationId: params.get('operation') || undefined,
    operationName: params.get('name') ?? undefined,
    name: params.get('own') ?? undefined,
    flag: params.get('flag') ?? undefined,
    resultCode: params.get('code') ?? undefined,
    exceptionType: params.get('exception') ?? undefined,
    upTo: whole(params.get('upTo'))
  })) as Query
}

function whole (text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** `from` and `to`, or the last `within` seconds; with `before`, the same window shifted back by that many seconds. */
function timesIn (params: URLSearchParams): Pick<Query, 'from' | 'to'> {
  const within = whole(params.get('within')) ?? 0
  const before = whole(params.get('before')) ?? 0
  // Whole seconds, so that a repeated query hits the cache.
  const now = (Math.floor(Date.now() / 1_000) - before) * 1_000
  return {
    from: timeOf(params.get('from')) ?? (within === 0 ? undefined : now - within * 1_000),
    to: timeOf(params.get('to')) ?? (before === 0 ? undefined : now)
  }
}

function timeOf (text: string | null): number | undefined {
  if (text === null || text === '') return undefined
  const time = whole(text) ?? instant(text)
  return Number.isNaN(time) ? undefined : time
}

/** The number of rows of each kind. */
export function countTypes (store: Store, ids: readonly number[]): Partial<Record<RowType, number>> {
  const counts: Partial<Record<RowType, number>> = {}
  for (const id of ids) {
    const record = store.record(id)
    if (record) counts[record.type] = (counts[record.type] ?? 0) + 1
  }
  return counts
}
