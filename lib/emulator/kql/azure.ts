/** Azure's own query API (`/v1/apps/<id>/query` and so on): what its requests and answers look like. */
import { instant } from '../fields'
import { invalid, type QueryError, type QueryErrorCode } from './errors'
import type { QueryScope } from './messages'
import type { QueryResult } from './output'

/** By app, by workspace or by the resource's path; any id will do. */
export function isAzureQuery (path: string): boolean {
  return /^\/v1\/(?:(?:apps|workspaces)\/[^/]+|subscriptions\/.+)\/query$/i.test(path)
}

/** @throws QueryError */
export function readAzureQuery (body: string | undefined, params: URLSearchParams): { query: string, scope: QueryScope } {
  let given: Record<string, unknown> = Object.fromEntries(params)
  if (body !== undefined) {
    try {
      given = { ...given, ...JSON.parse(body) as object }
    } catch {
      throw invalid('The body is not JSON')
    }
  }
  const { query, timespan } = given
  if (typeof query !== 'string') throw invalid('Expected { "query": "…" }')
  return { query, scope: typeof timespan === 'string' && timespan !== '' ? between(timespan) : {} }
}

/** ISO 8601: a duration until now, a start and an end, or one of them and a duration. */
function between (timespan: string): QueryScope {
  const [first, second] = timespan.split('/')
  const [length, from, to] = [duration(first) ?? duration(second), instant(first), second === undefined ? Date.now() : instant(second)]
  const scope = length === undefined ? { from, to } : Number.isNaN(from) ? { from: to - length, to } : { from, to: from + length }
  if (Number.isNaN(scope.from) || Number.isNaN(scope.to)) throw invalid(`The timespan is not an ISO 8601 interval: '${timespan.slice(0, 100)}'`)
  return scope
}

function duration (text: string | undefined): number | undefined {
  const match = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/i.exec(text ?? '')
  if (match === null) return undefined
  const [years, months, weeks, days, hours, minutes, seconds] = match.slice(1).map(part => Number(part ?? 0))
  return (((years * 365 + months * 30 + weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1_000
}

/** @param prefer the header; only `include-render` changes anything */
export function toAzure ({ columns, rows, render }: QueryResult, prefer: string | undefined): object {
  // A dynamic value is its JSON, as text.
  const texts = columns.map(({ type }) => type === 'dynamic')
  const cells = rows.map(row => row.map((cell, index) => texts[index] && typeof cell === 'object' && cell !== null ? JSON.stringify(cell) : cell))
  return {
    tables: [{ name: 'PrimaryResult', columns, rows: cells }],
    ...(render !== undefined && /include-render\s*=\s*true/i.test(prefer ?? '') && { render: { visualization: render.kind, ...render.properties } })
  }
}

const CODES: Readonly<Record<QueryErrorCode, [code: string, message: string]>> = {
  FAI_KQL_INVALID: ['BadArgumentError', 'The request had some invalid properties'],
  FAI_KQL_UNSUPPORTED: ['BadArgumentError', 'The emulator does not support this query'],
  FAI_KQL_LIMIT: ['BadArgumentError', 'The query needs too much'],
  FAI_KQL_TIMEOUT: ['GatewayTimeout', 'The query took too long'],
  FAI_KQL_CANCELLED: ['GatewayTimeout', 'The query was cancelled'],
  FAI_KQL_NOT_INSTALLED: ['NotSupported', "The query language's parser is missing"]
}

export function toAzureError ({ code, message, line, column }: QueryError): object {
  const [outer, text] = CODES[code]
  return { error: { code: outer, message: text, innererror: { code, message, line, pos: column } } }
}
