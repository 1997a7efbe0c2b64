/** Selected rows → what Performance and Health show: counts, percentiles, shares over time. */
import { isFailed, type Query } from './query'
import { binsFor, countOver, durations, groupBy, percentile, weight, type Bins } from './series'
import type { Kept } from './store'

export interface OperationSum {
  name: string
  role: string
  /** How many the rows stand for, sampling included. */
  count: number
  failed: number
  p50: number
  p95: number
  p99: number
  /** How many started in each bin, and how many of those failed. */
  over: number[]
  failedOver: number[]
  /** Ids of the slowest row and of the latest failed one. */
  slowest: number
  lastFailed?: number
}

export interface PerformanceSums {
  bins: Bins
  /** All operations together. */
  all: Pick<OperationSum, 'count' | 'failed' | 'p50' | 'p95' | 'p99' | 'over' | 'failedOver'> & { p50Over: Array<number | null>, p95Over: Array<number | null> }
  operations: OperationSum[]
}

export interface HealthSum {
  verdict: string
  reason: string
  count: number
  /** Ids of the latest rows with this finding. */
  examples: number[]
}

const MOST = 500

export function operationSums (records: Kept[], query: Query): PerformanceSums {
  const bins = binsFor(records, query)
  const operations = groupBy(records, record => [record.name, record.cloud_RoleName]).map(group => {
    const failures = group.filter(isFailed)
    return {
      name: group[0].name ?? '',
      role: group[0].cloud_RoleName ?? '',
      ...figures(group, failures, bins),
      slowest: group.reduce((slowest, record) => (record.duration ?? 0) > (slowest.duration ?? 0) ? record : slowest).itemId,
      lastFailed: failures.at(-1)?.itemId
    }
  })
  const failures = records.filter(isFailed)
  return {
    bins,
    all: { ...figures(records, failures, bins), ...percentilesOver(records, bins) },
    operations: operations.sort((a, b) => b.count - a.count).slice(0, MOST)
  }
}

function figures (group: Kept[], failures: Kept[], bins: Bins) {
  const sorted = durations(group)
  return {
    count: weight(group),
    failed: weight(failures),
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    over: countOver(group, bins),
    failedOver: countOver(failures, bins)
  }
}

function percentilesOver (records: Kept[], { from, width, parts }: Bins) {
  const groups = Array.from({ length: parts }, (): Kept[] => [])
  for (const record of records) groups[Math.floor((record.time - from) / width)]?.push(record)
  const sorted = groups.map(durations)
  const of = (share: number) => sorted.map(part => part.length === 0 ? null : percentile(part, share))
  return { p50Over: of(0.5), p95Over: of(0.95) }
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
