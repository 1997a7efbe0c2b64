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

/** Adds up what it is shown. */
export class Scales {
  readonly #tables = new Map<string, Total>()
  readonly #operations = new Map<string, Total>()
  readonly #columns = new Map<string, Total>()
  readonly #all: Total = { rows: 0, requests: 0, bytes: 0 }
  readonly #saved = { sampling: 0, belowWarning: 0, traces: 0, inProcess: 0, runtime: 0 }

  /** @param size of the row as sent, in bytes */
  add (kind: RowType, { sampleRate, tags, data, ...envelope }: Envelope, size: number): void {
    const requests = kind === 'request' ? 100 / (sampleRate ?? 100) : 0
    const base = data?.baseData ?? {}
    this.#all.rows++
    this.#all.requests += requests
    this.#all.bytes += size
    count(this.#tables, TABLES[kind], requests, size)
    count(this.#operations, operationOf(kind, tags, base), requests, size)
    for (const [name, value] of Object.entries(base)) {
      if (isObject(value) && (name === 'properties' || name === 'measurements')) {
        const column = name === 'properties' ? 'customDimensions' : 'customMeasurements'
        for (const [key, inner] of Object.entries(value)) count(this.#columns, `${TABLES[kind]}.${column}.${key}`, 0, weight(key, inner))
      } else count(this.#columns, `${TABLES[kind]}.${name}`, 0, weight(name, value))
    }
    for (const [name, value] of [...Object.entries(tags ?? {}), ...Object.entries(envelope)]) count(this.#columns, name, 0, weight(name, value))
    this.#save(kind, base, size)
  }

  sizes (): Sizes {
    const operations = sorted(this.#operations)
    return {
      ...this.#all,
      tables: sorted(this.#tables).map(({ name, rows, bytes }) => ({ name, rows, bytes })),
      operations: operations.map(({ name, requests, bytes }) => ({ name, requests, bytes })),
      columns: sorted(this.#columns).map(({ name, bytes }) => ({ name, bytes })),
      savings: this.#savings(operations.find(({ requests }) => requests > 0))
    }
  }

  #save (kind: RowType, base: Record<string, unknown>, size: number): void {
    const saved = this.#saved
    if (!NUMBERS.has(kind)) saved.sampling += size * (1 - SAMPLED)
    else if (kind === 'performanceCounter' || /^(?:nodejs|v8js)\.|^\\/.test(metricName(base))) saved.runtime += size
    if (kind === 'trace') {
      saved.traces += size
      if (['Verbose', 'Information', 0, 1, undefined].includes(base.severityLevel as string)) saved.belowWarning += size
    }
    if (kind === 'dependency' && base.type === 'InProc') saved.inProcess += size
  }

  #savings (largest: { name: string, bytes: number } | undefined): Sizes['savings'] {
    const { sampling, belowWarning, traces, runtime, inProcess } = this.#saved
    return [
      { option: `samplingRatio: ${SAMPLED}`, bytes: sampling },
      { option: "logs: { level: 'warn' }", bytes: belowWarning },
      { option: 'logs: false', bytes: traces },
      ...(largest === undefined ? [] : [{ option: `ignore: ['${largest.name}']`, bytes: largest.bytes }]),
      { option: 'metrics: { runtime: false }', bytes: runtime },
      { option: 'no spans of your own (InProc)', bytes: inProcess }
    ].filter(({ bytes }) => bytes > 0)
  }
}

function count (into: Map<string, Total>, name: string, requests: number, bytes: number): void {
  const key = into.has(name) || into.size < MAX_NAMES ? name : OTHERS
  const total = into.get(key) ?? { rows: 0, requests: 0, bytes: 0 }
  into.set(key, { rows: total.rows + 1, requests: total.requests + requests, bytes: total.bytes + bytes })
}

function sorted (totals: Map<string, Total>): Array<Total & { name: string }> {
  return [...totals].map(([name, total]) => ({ name, ...total })).sort((a, b) => b.bytes - a.bytes)
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
