/** A query's answer and its `render` → what is drawn, or the reason why it is not. */
import type { QueryResult } from '../kql/output'

export interface TimeData { as: 'time', kind: 'lines' | 'area' | 'bars', title?: string, times: number[], series: Array<{ name: string, values: Array<number | null> }> }
export interface CategoryData { as: 'categories', kind: 'bars' | 'columns', stacked: boolean, title?: string, categories: string[], series: Array<{ name: string, values: Array<number | null> }> }
export interface PieData { as: 'pie', title?: string, slices: Array<{ name: string, value: number }> }
export type Picture = TimeData | CategoryData | PieData

const NUMBERS = new Set(['int', 'long', 'real', 'decimal'])
const MOST_SERIES = 20
const MOST_CATEGORIES = 200
const LINES: Readonly<Record<string, TimeData['kind']>> = { timechart: 'lines', linechart: 'lines', areachart: 'area', stackedareachart: 'area' }

type Columns = QueryResult['columns']
type Rows = QueryResult['rows']

export function pictureOf ({ columns, rows, render }: QueryResult): Picture | string | undefined {
  if (render === undefined || render.kind === 'table') return undefined
  const { kind, properties } = render
  const title = properties.title
  const asColumns = kind === 'columnchart' || kind === 'barchart'
  if (!asColumns && kind !== 'piechart' && !Object.hasOwn(LINES, kind)) return `The emulator doesn't draw ${kind}; here are the rows.`
  const made = fromSeries(columns, rows)
  const chosen = choose(made.columns, properties)
  if (typeof chosen === 'string') return chosen
  if (kind === 'piechart') return pie(made.rows, chosen, title)
  const x = made.columns[chosen.x]
  const { keys, series } = split(made.rows, chosen, made.columns)
  if (x.type === 'datetime' && kind !== 'barchart') return { as: 'time', kind: LINES[kind] ?? 'bars', title, ...inOrder(keys.map(key => Date.parse(String(key))), series) }
  if (!asColumns) return `A ${kind} needs a column of time first.`
  const stacked = properties.kind === 'stacked' || properties.kind === 'stacked100'
  return { as: 'categories', kind: kind === 'barchart' ? 'bars' : 'columns', stacked, title, categories: keys.slice(0, MOST_CATEGORIES).map(key => String(key ?? '')), series }
}

interface Chosen { x: number, ys: number[], by: number[] }

/** As the engine does it: the first fitting column is the axis, numbers are values, texts tell series apart. */
function choose (columns: Columns, properties: Record<string, string>): Chosen | string {
  const named = (name: string | undefined) => columns.findIndex(column => column.name === name)
  const time = columns.findIndex(({ type }) => type === 'datetime')
  const x = named(properties.xcolumn) >= 0 ? named(properties.xcolumn) : time >= 0 ? time : 0
  const asked = properties.ycolumns?.split(',').map(name => named(name.trim())).filter(at => at >= 0) ?? []
  const ys = asked.length > 0 ? asked : columns.flatMap(({ type }, at) => at !== x && NUMBERS.has(type) ? [at] : [])
  const series = properties.series?.split(',').map(name => named(name.trim())).filter(at => at >= 0) ?? []
  const by = series.length > 0 ? series : columns.flatMap(({ type }, at) => at !== x && !ys.includes(at) && (type === 'string' || type === 'bool' || type === 'guid') ? [at] : [])
  return ys.length === 0 ? 'A chart needs a column of numbers.' : { x, ys, by }
}

function split (rows: Rows, { x, ys, by }: Chosen, columns: Columns) {
  const keys = new Map<unknown, number>()
  const series = new Map<string, Array<number | null>>()
  for (const row of rows) {
    if (!keys.has(row[x])) keys.set(row[x], keys.size)
    const at = keys.get(row[x]) as number
    const who = by.map(index => String(row[index] ?? '')).join(', ')
    for (const y of ys) {
      const name = by.length === 0 ? columns[y].name : ys.length === 1 ? who || '(none)' : `${who}: ${columns[y].name}`
      const values = series.get(name) ?? []
      series.set(name, values)
      values[at] = (values[at] ?? 0) + numberOf(row[y])
    }
  }
  const length = keys.size
  const largest = [...series].map(([name, values]) => ({ name, values: Array.from({ length }, (_, at) => values[at] ?? null) }))
  if (by.length > 0) largest.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))
  return { keys: [...keys.keys()], series: largest.slice(0, MOST_SERIES) }
}

function inOrder (times: number[], series: TimeData['series']) {
  const order = times.map((_, at) => at).filter(at => !Number.isNaN(times[at])).sort((a, b) => times[a] - times[b])
  return { times: order.map(at => times[at]), series: series.map(({ name, values }) => ({ name, values: order.map(at => values[at]) })) }
}

function pie (rows: Rows, { x, ys }: Chosen, title: string | undefined): PieData {
  const slices = rows.map(row => ({ name: String(row[x] ?? '') || '(none)', value: Math.max(0, numberOf(row[ys[0]])) })).sort((a, b) => b.value - a.value)
  const rest = slices.slice(11).reduce((sum, { value }) => sum + value, 0)
  return { as: 'pie', title, slices: rest > 0 ? [...slices.slice(0, 11), { name: 'Others', value: rest }] : slices.slice(0, 12) }
}

/** `make-series` answers with arrays: a row for each of their places. */
function fromSeries (columns: Columns, rows: Rows): { columns: Columns, rows: Rows } {
  const arrays = columns.map((column, at) => column.type === 'dynamic' && rows.length > 0 && rows.every(row => Array.isArray(row[at])))
  if (!arrays.includes(true)) return { columns, rows }
  const first = (at: number) => (rows[0][at] as unknown[])[0]
  const typed = columns.map((column, at): Columns[number] => !arrays[at] ? column : { name: column.name, type: typeof first(at) === 'string' && !Number.isNaN(Date.parse(first(at) as string)) ? 'datetime' : 'real' })
  return {
    columns: typed,
    rows: rows.flatMap(row => {
      const length = Math.max(...row.map((value, at) => arrays[at] ? (value as unknown[]).length : 0))
      return Array.from({ length }, (_, place) => row.map((value, at) => arrays[at] ? (value as unknown[])[place] : value))
    })
  }
}

/** Integers beyond 2^53 and the infinities come as text. */
function numberOf (value: unknown): number {
  const number = Number(value ?? 0)
  return Number.isFinite(number) ? number : 0
}
