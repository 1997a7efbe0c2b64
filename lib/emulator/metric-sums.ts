/** Metric rows → a series per metric, drawn as charts on the page. */
import type { Query } from './query'
import { binsFor, groupBy, type Bins } from './series'
import type { Kept } from './store'

export interface MetricSeries {
  name: string
  role: string
  type: string
  /** Rows, and the measurements they sum up. */
  rows: number
  count: number
  last: number
  min: number
  max: number
  /** Averages and sums per bin; null if nothing was reported. */
  average: Array<number | null>
  sum: Array<number | null>
  example: number
}

export interface MetricSums { bins: Bins, series: MetricSeries[] }

const MOST = 200

export function metricSums (records: Kept[], query: Query): MetricSums {
  const bins = binsFor(records, query)
  const series = groupBy(records, record => [record.type, record.name, record.cloud_RoleName]).map(rows => seriesOf(rows, bins))
  return { bins, series: series.sort((a, b) => a.name.localeCompare(b.name) || a.role.localeCompare(b.role)).slice(0, MOST) }
}

function seriesOf (rows: Kept[], { from, width, parts }: Bins): MetricSeries {
  const sums = new Array<number>(parts).fill(0)
  const counts = new Array<number>(parts).fill(0)
  let latest = rows[0]
  let min = Infinity
  let max = -Infinity
  let count = 0
  for (const row of rows) {
    const value = row.value ?? 0
    const measured = Math.max(1, row.valueCount ?? 1)
    const part = Math.floor((row.time - from) / width)
    if (part >= 0 && part < parts) {
      sums[part] += value
      counts[part] += measured
    }
    count += measured
    min = Math.min(min, value / measured)
    max = Math.max(max, value / measured)
    if (row.time >= latest.time) latest = row
  }
  return {
    name: latest.name ?? '',
    role: latest.cloud_RoleName ?? '',
    type: latest.type,
    rows: rows.length,
    count,
    last: (latest.value ?? 0) / Math.max(1, latest.valueCount ?? 1),
    min,
    max,
    average: sums.map((sum, part) => counts[part] === 0 ? null : sum / counts[part]),
    sum: sums.map((sum, part) => counts[part] === 0 ? null : sum),
    example: latest.itemId
  }
}
