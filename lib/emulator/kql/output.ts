/** Cells → values in an answer: times as ISO 8601, timespans as text, dynamic values as JSON. */
import { Decimal } from './decimal'
import { formatDatetime } from './datetime'
import { resolved, toPlain } from './dynamic'
import type { Int } from './integers'
import { formatTimespan } from './timespan'
import { type Scalar, type Table, type Value } from './values'

/** How the query wants its answer drawn. */
export interface Render { kind: string, properties: Record<string, string> }

export interface QueryResult {
  columns: Array<{ name: string, type: Scalar }>
  /**
   * `datetime` is ISO 8601 text in UTC, `timespan` text as `[-][d.]hh:mm:ss[.fffffff]`, `dynamic` a JSON value, `decimal`
   * a number, `long` a number, or a bigint beyond 2^53. Missing values are null; a `string` never is.
   */
  rows: unknown[][]
  render?: Render
}

export function toResult ({ columns, rows }: Table, render?: Render): QueryResult {
  const types = columns.map(({ type }) => type)
  return { columns: columns.map(({ name, type }) => ({ name, type })), rows: rows.map(row => types.map((type, index) => cell(row[index], type))), ...(render && { render }) }
}

function cell (value: Value, type: Scalar): unknown {
  if (value === null) return null
  switch (type) {
    case 'datetime': return formatDatetime(value as Int)
    case 'timespan': return formatTimespan(value as Int)
    case 'dynamic': return toPlain(resolved(value))
    case 'decimal': return value instanceof Decimal ? value.toNumber() : value
    default: return value
  }
}
