/** Rows and their bytes → totals per table, operation and column, and what options would save. */
import { isObject } from '../emulator/fields'
import type { Envelope, RowType } from '../emulator/rows'

export interface Sizes {
  rows: number
  bytes: number
  /** How many requests the rows stand for, sampling included. */
  requests: number
  tables: Array<{ name: string, rows: number, bytes: number }>
  /** Largest first. */
  operations: Array<{ name: string, requests: number, bytes: number }>
  /** Largest first. Names and quotes count, as part of the JSON. */
  columns: Array<{ name: string, bytes: number }>
  /** Each on its own: the savings of two options may overlap. */
  savings: Array<{ option: string, bytes: number }>
}

const TABLES: Readonly<Record<RowType, string>> = {
  request: 'requests',
  dependency: 'dependencies',
  trace: 'traces',
  exception: 'exceptions',
  event: 'customEvents',
  metric: 'customMetrics',
  performanceCounter: 'performanceCounters',
  pageView: 'pageViews',
  browserTiming: 'browserTimings',
  availability: 'availabilityResults'
}
const NUMBERS: ReadonlySet<RowType> = new Set(['metric', 'performanceCounter'])
/** Beyond this, names are grouped: a table of thousands helps nobody. */
const MAX_NAMES = 5_000
const OTHERS = '(others)'
/** The share that the sampling example keeps. */
const SAMPLED = 0.1

interface Total { rows: number, requests: number, bytes: number }

export function createSizes (): { add: (kind: RowType, envelope: Envelope, size: number) => void, take: () => Sizes } {
  const [tables, operations, columns] = [new Map<string, Total>(), new Map<string, Total>(), new Map<string, Total>()]
  const all: Total = { rows: 0, requests: 0, bytes: 0 }
  const saved = { sampling: 0, belowWarning: 0, traces: 0, inProcess: 0, runtime: 0 }

  function count (into: Map<string, Total>, name: string, requests: number, bytes: number): void {
    const key = into.has(name) || into.size < MAX_NAMES ? name : OTHERS
    const total = into.get(key) ?? { rows: 0, requests: 0, bytes: 0 }
    into.set(key, { rows: total.rows + 1, requests: total.requests + requests, bytes: total.bytes + bytes })
  }

  function add (kind: RowType, { sampleRate, tags, data, ...envelope }: Envelope, size: number): void {
    const requests = kind === 'request' ? 100 / (sampleRate ?? 100) : 0
    const base = data?.baseData ?? {}
    all.rows++
    all.requests += requests
    all.bytes += size
    count(tables, TABLES[kind], requests, size)
    count(operations, operationOf(kind, tags, base), requests, size)
    for (const [name, value] of Object.entries(base)) {
      if (isObject(value) && (name === 'properties' || name === 'measurements')) {
        const column = name === 'properties' ? 'customDimensions' : 'customMeasurements'
        for (const [key, inner] of Object.entries(value)) count(columns, `${TABLES[kind]}.${column}.${key}`, 0, weight(key, inner))
      } else count(columns, `${TABLES[kind]}.${name}`, 0, weight(name, value))
    }
    for (const [tag, value] of Object.entries(tags ?? {})) count(columns, tag, 0, weight(tag, value))
    for (const [name, value] of Object.entries(envelope)) count(columns, name, 0, weight(name, value))
    save(kind, base, size)
  }

  function save (kind: RowType, base: Record<string, unknown>, size: number): void {
    if (!NUMBERS.has(kind)) saved.sampling += size * (1 - SAMPLED)
    else if (kind === 'performanceCounter' || /^(?:nodejs|v8js)\.|^\\/.test(metricName(base))) saved.runtime += size
    if (kind === 'trace') {
      saved.traces += size
      if (['Verbose', 'Information', 0, 1, undefined].includes(base.severityLevel as string)) saved.belowWarning += size
    }
    if (kind === 'dependency' && base.type === 'InProc') saved.inProcess += size
  }

  function take (): Sizes {
    const sorted = (totals: Map<string, Total>): Array<Total & { name: string }> => [...totals].map(([name, total]) => ({ name, ...total })).sort((a, b) => b.bytes - a.bytes)
    const byOperation = sorted(operations)
    const largest = byOperation.find(({ requests }) => requests > 0)
    const savings = [
      { option: `samplingRatio: ${SAMPLED}`, bytes: saved.sampling },
      { option: "logs: { level: 'warn' }", bytes: saved.belowWarning },
      { option: 'logs: false', bytes: saved.traces },
      ...(largest === undefined ? [] : [{ option: `ignore: ['${largest.name}']`, bytes: largest.bytes }]),
      { option: 'metrics: { runtime: false }', bytes: saved.runtime },
      { option: 'no spans of your own (InProc)', bytes: saved.inProcess }
    ]
    return {
      ...all,
      tables: sorted(tables).map(({ name, rows, bytes }) => ({ name, rows, bytes })),
      operations: byOperation.map(({ name, requests, bytes }) => ({ name, requests, bytes })),
      columns: sorted(columns).map(({ name, bytes }) => ({ name, bytes })),
      savings: savings.filter(({ bytes }) => bytes > 0)
    }
  }

  return { add, take }
}

function operationOf (kind: RowType, tags: Envelope['tags'], base: Record<string, unknown>): string {
  const name = tags?.['ai.operation.name'] ?? (kind === 'request' ? base.name : undefined)
  return typeof name === 'string' && name !== '' ? name : NUMBERS.has(kind) ? '(metrics)' : '(none)'
}

function metricName (base: Record<string, unknown>): string {
  const [first] = Array.isArray(base.metrics) ? base.metrics as unknown[] : []
  return isObject(first) && typeof first.name === 'string' ? first.name : ''
}

/** The weight of `"name":value,` in JSON. */
function weight (name: string, value: unknown): number {
  return Buffer.byteLength(name) + 4 + Buffer.byteLength(JSON.stringify(value) ?? '')
}
