/** Rows over time → equal bins with round start times, and the rows in each. */
import type { Query } from './query'
import type { Kept } from './store'

export interface Bins {
  /** When the first bin starts, in milliseconds since 1970. */
  from: number
  /** The width of a bin, in milliseconds. */
  width: number
  parts: number
}

const MOST_PARTS = 60
const SECOND = 1_000
const WIDTHS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
  2 * 86_400, 7 * 86_400, 30 * 86_400
].map(seconds => seconds * SECOND)

/** The requested range; if it is open, the rows' range. */
export function binsFor (records: readonly Kept[], { from, to }: Pick<Query, 'from' | 'to'>): Bins {
  let first = Infinity
  let last = -Infinity
  for (const { time } of records) {
    if (time < first) first = time
    if (time > last) last = time
  }
  const begin = from ?? (first <= last ? first : 0)
  const end = Math.max(begin, to ?? Math.max(last, from === undefined ? -Infinity : Date.now()))
  let width = WIDTHS.find(width => (end - begin) / width < MOST_PARTS - 1) ?? (end - begin) / (MOST_PARTS - 2)
  // Rows from a single moment should be one bar, not fill the chart.
  if (width < SECOND && end - begin < SECOND / 2) width = SECOND
  const start = Math.floor(begin / width) * width
  return { from: start, width, parts: Math.max(1, Math.floor((end - start) / width) + 1) }
}

/** The number of rows in each bin, sampling included. */
export function countOver (records: Iterable<Kept>, { from, width, parts }: Bins): number[] {
  const over = new Array<number>(parts).fill(0)
  for (const { time, itemCount } of records) {
    const part = Math.floor((time - from) / width)
    if (part >= 0 && part < parts) over[part] += itemCount
  }
  return over.map(Math.round)
}

export function weight (records: Iterable<Kept>): number {
  let sum = 0
  for (const { itemCount } of records) sum += itemCount
  return Math.round(sum)
}

/** Nearest-rank percentile of durations in ascending order. */
export function percentile (sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

export function durations (records: readonly Kept[]): Float64Array {
  return Float64Array.from(records, record => record.duration ?? 0).sort()
}

export function groupBy (records: Iterable<Kept>, by: (record: Kept) => ReadonlyArray<string | undefined>): Kept[][] {
  const groups = new Map<string, Kept[]>()
  for (const record of records) {
    const key = JSON.stringify(by(record))
    const rows = groups.get(key)
    if (rows) rows.push(record)
    else groups.set(key, [record])
  }
  return [...groups.values()]
}
