/** Selected rows → what Performance, Failures and Health show: counts, percentiles, shares over time. */
import { isFailed } from './query'
import type { Kept } from './store'

export interface Span {
  /** Milliseconds since 1970. */
  from: number
  to: number
}

export interface OperationSum {
  name: string
  role: string
  /** What the rows stand for, sampling included. */
  count: number
  failed: number
  p50: number
  p95: number
  p99: number
  /** How many began in each part of the span, and how many of those failed. */
  over: number[]
  failedOver: number[]
  /** Place of the slowest and of the latest failed row. */
  slowest: number
  lastFailed?: number
}

export interface FailureSums extends Span {
  total: number
  failed: number
  over: number[]
  failedOver: number[]
  codes: Array<{ type: string, resultCode: string, count: number, example: number }>
  exceptions: Array<{ exceptionType: string, message: string, count: number, example: number }>
  operations: Array<{ name: string, count: number, failed: number }>
}

export interface HealthSum {
  verdict: string
  reason: string
  count: number
  /** Places of the latest rows that it was said of. */
  examples: number[]
}

const PARTS = 40
const MOST = 500

export function operationSums (records: Kept[]): Span & { operations: OperationSum[] } {
  const span = spanOf(records)
  const groups = new Map<string, Kept[]>()
  for (const record of records) {
    const key = JSON.stringify([record.name, record.cloud_RoleName])
    const group = groups.get(key)
    if (group) group.push(record)
    else groups.set(key, [record])
  }
  const operations = [...groups.values()].map(group => {
    const durations = Float64Array.from(group, record => record.duration ?? 0).sort()
    const failures = group.filter(isFailed)
    return {
      name: group[0].name ?? '',
      role: group[0].cloud_RoleName ?? '',
      count: weight(group),
      failed: weight(failures),
      p50: percentile(durations, 0.5),
      p95: percentile(durations, 0.95),
      p99: percentile(durations, 0.99),
      over: over(group, span),
      failedOver: over(failures, span),
      slowest: group.reduce((slowest, record) => (record.duration ?? 0) > (slowest.duration ?? 0) ? record : slowest).itemId,
      lastFailed: failures.at(-1)?.itemId
    }
  })
  return { ...span, operations: operations.sort((a, b) => b.count - a.count).slice(0, MOST) }
}

export function failureSums (records: Kept[]): FailureSums {
  const requests = records.filter(record => record.type === 'request')
  const failed = requests.filter(isFailed)
  const span = spanOf(records)
  return {
    ...span,
    total: weight(requests),
    failed: weight(failed),
    over: over(requests, span),
    failedOver: over(failed, span),
    codes: group(records.filter(record => (record.type === 'request' || record.type === 'dependency') && record.success === false), record => [record.type, record.resultCode ?? ''])
      .map(rows => ({ type: rows[0].type, resultCode: rows[0].resultCode ?? '', count: weight(rows), example: last(rows).itemId })),
    exceptions: group(records.filter(record => record.type === 'exception'), record => [record.exceptionType ?? ''])
      .map(rows => ({ exceptionType: rows[0].exceptionType ?? '', message: last(rows).message ?? '', count: weight(rows), example: last(rows).itemId })),
    operations: group(failed, record => [record.name ?? ''])
      .map(rows => ({ name: rows[0].name ?? '', failed: weight(rows), count: weight(requests.filter(record => record.name === rows[0].name)) }))
  }
}

export function healthSums (records: Kept[]): HealthSum[] {
  const sums = new Map<string, HealthSum>()
  for (const record of records) {
    for (const flag of record.flags ?? []) {
      const at = flag.indexOf(': ')
      const sum = sums.get(flag) ?? { verdict: flag.slice(0, at), reason: flag.slice(at + 2), count: 0, examples: [] }
      sum.count++
      sum.examples.push(record.itemId)
      if (sum.examples.length > 5) sum.examples.shift()
      sums.set(flag, sum)
    }
  }
  return [...sums.values()].sort((a, b) => b.count - a.count).slice(0, MOST)
}

function group (records: Kept[], by: (record: Kept) => string[]): Kept[][] {
  const groups = new Map<string, Kept[]>()
  for (const record of records) {
    const key = JSON.stringify(by(record))
    const rows = groups.get(key)
    if (rows) rows.push(record)
    else groups.set(key, [record])
  }
  return [...groups.values()].sort((a, b) => b.length - a.length).slice(0, MOST)
}

function spanOf (records: Kept[]): Span {
  let from = Infinity
  let to = -Infinity
  for (const { time } of records) {
    if (time < from) from = time
    if (time > to) to = time
  }
  return from <= to ? { from, to } : { from: 0, to: 0 }
}

function over (records: Kept[], { from, to }: Span): number[] {
  const parts = new Array<number>(PARTS).fill(0)
  const width = (to - from) / PARTS || 1
  for (const record of records) parts[Math.min(PARTS - 1, Math.floor((record.time - from) / width))] += record.itemCount
  return parts.map(Math.round)
}

function weight (records: Kept[]): number {
  let sum = 0
  for (const { itemCount } of records) sum += itemCount
  return Math.round(sum)
}

/** Nearest rank. */
function percentile (sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

function last (records: Kept[]): Kept {
  return records[records.length - 1]
}
