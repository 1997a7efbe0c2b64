/** Queries to begin with, made of what the rows there are hold: their kinds, dimensions, metrics and failures. */
import { useEffect, useState } from 'preact/hooks'
import type { Row, RowType } from '../rows'
import { ask, type Lines, type State } from './server'

interface Example { name: string, query: string }

/** What the examples are made of. */
interface Facts {
  counts: Partial<Record<RowType, number>>
  /** The operation that failed last. */
  failed?: string
  dimension?: { table: string, name: string, value: string }
  metric?: string
}

interface ExamplesProps { state: State | undefined, choose: (query: string) => void, open: boolean }

export function Examples ({ state, choose, open }: ExamplesProps) {
  const [facts, setFacts] = useState<Facts>()
  // A new kind of row may come at any time; each row by itself is no reason to ask again.
  const some = state === undefined ? undefined : Math.floor(Math.log2(state.size + 1))
  useEffect(() => {
    const abort = new AbortController()
    if (some !== undefined) gather(abort.signal).then(setFacts, () => {})
    return () => abort.abort()
  }, [some])
  if (facts === undefined) return null
  const examples = examplesOf(facts)
  return (
    <details class='examples-box' open={open}>
      <summary>Examples</summary>
      {examples.length === 0 && <p class='soft'>Examples show up here as soon as there are rows.</p>}
      <ul>{examples.map(({ name, query }) => <li key={name}><button type='button' title={query} onClick={() => choose(query)}>{name}</button></li>)}</ul>
    </details>
  )
}

async function gather (signal: AbortSignal): Promise<Facts> {
  const [{ counts }, { lines }, rows, metrics] = await Promise.all([
    ask<Lines>('/api/lines?limit=0', signal),
    ask<Lines>('/api/lines?failed=1&type=request,exception&limit=1', signal),
    ask<Row[]>('/api/rows?type=trace,request,event&limit=30', signal),
    ask<Row[]>('/api/rows?type=metric&limit=1', signal)
  ])
  return { counts, failed: lines[0]?.operation_Id, dimension: dimensionOf(rows), metric: metrics[0]?.name }
}

const TABLES: Partial<Record<RowType, string>> = { trace: 'traces', request: 'requests', event: 'customEvents' }

/** A custom dimension that reads well: short, and the app's own. */
function dimensionOf (rows: Row[]): Facts['dimension'] {
  for (const { type, customDimensions } of rows) {
    for (const [name, value] of Object.entries(customDimensions)) {
      if (/^[A-Za-z]\w{0,30}$/.test(name) && /^[\w .:/-]{1,40}$/.test(value)) return { table: TABLES[type] ?? 'traces', name, value }
    }
  }
  return undefined
}

function examplesOf ({ counts, failed, dimension, metric }: Facts): Example[] {
  const given = (type: RowType, name: string, query: string): Example[] => counts[type] ? [{ name, query }] : []
  return [
    ...given('request', 'Slowest operations', 'requests\n| summarize requests = sum(itemCount), p50 = percentile(duration, 50), p95 = percentile(duration, 95) by name\n| order by p95 desc'),
    ...given('request', 'Requests over time', 'requests\n| summarize requests = sum(itemCount) by bin(timestamp, 10s), resultCode\n| render columnchart with (kind=stacked)'),
    ...given('request', 'p95 over time', 'requests\n| summarize p50 = percentile(duration, 50), p95 = percentile(duration, 95) by bin(timestamp, 10s)\n| render timechart'),
    ...given('request', 'Result codes', 'requests\n| summarize requests = sum(itemCount) by resultCode\n| render piechart'),
    ...given('exception', 'Exceptions by problem', 'exceptions\n| summarize count_ = sum(itemCount), operations = dcount(operation_Id), last_seen = max(timestamp) by problemId, outerMessage\n| order by count_ desc'),
    ...failed === undefined ? [] : [{ name: 'The last failure, end to end', query: `union requests, dependencies, traces, exceptions, customEvents\n| where operation_Id == ${quote(failed)}\n| order by timestamp asc\n| project timestamp, itemType, cloud_RoleName, name, message, outerMessage, resultCode, duration` }],
    ...given('dependency', 'Calls by target', 'dependencies\n| summarize calls = sum(itemCount), failed = sumif(itemCount, success == false), p95 = percentile(duration, 95) by target, type\n| order by calls desc'),
    ...given('trace', 'Warnings and errors', 'traces\n| where severityLevel >= 2\n| project timestamp, severityLevel, message, operation_Name, operation_Id\n| order by timestamp desc'),
    ...given('trace', 'Most frequent messages', 'traces\n| summarize count() by message\n| top 10 by count_\n| render barchart'),
    ...dimension === undefined ? [] : [{ name: `Rows by ${dimension.name}`, query: `${dimension.table}\n| where customDimensions.${dimension.name} == ${quote(dimension.value)}\n| take 50` }],
    ...given('event', 'Events by name', 'customEvents\n| summarize count() by name\n| render barchart'),
    ...metric === undefined ? [] : [{ name: `The metric ${metric}`, query: `customMetrics\n| where name == ${quote(metric)}\n| summarize avg_value = sum(valueSum) / sum(valueCount) by bin(timestamp, 10s), cloud_RoleName\n| render timechart` }]
  ]
}

function quote (text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replace(/\n/g, '\\n')}'`
}
