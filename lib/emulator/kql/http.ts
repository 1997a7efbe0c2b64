/** `POST /api/query` and `/api/query/complete`, and Azure's own query API → JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isObject } from '../fields'
import { HttpError } from '../http-error'
import { readBody } from '../ingestion'
import { readQuery as readFilters } from '../query'
import { isAzureQuery, readAzureQuery, toAzure, toAzureError } from './azure'
import type { Queries } from './client'
import { QueryError, type QueryErrorCode } from './errors'

const MAX_QUERY = 1_000_000

const STATUS: Readonly<Record<QueryErrorCode, number>> = {
  FAI_KQL_INVALID: 400, FAI_KQL_UNSUPPORTED: 400, FAI_KQL_LIMIT: 400, FAI_KQL_TIMEOUT: 504, FAI_KQL_CANCELLED: 499, FAI_KQL_NOT_INSTALLED: 501
}

export function createQueryApi (queries: Queries) {
  /** False if the request is for another handler. */
  return async function handle (request: IncomingMessage, response: ServerResponse, { pathname, searchParams }: URL): Promise<boolean> {
    if (request.method === 'POST' && pathname === '/api/query') {
      const body = await readQuery(request)
      const { from, to, role } = readFilters(searchParams)
      await answer(response, async signal => toJson(await queries.query(queryIn(body), { signal, scope: { from, to, role } })))
      return true
    }
    if (isAzureQuery(pathname) && (request.method === 'GET' || request.method === 'POST')) {
      const body = request.method === 'POST' ? await readQuery(request) : undefined
      await answer(response, async signal => {
        const { query, scope } = readAzureQuery(body, searchParams)
        return toJson(toAzure(await queries.query(query, { signal, scope }), request.headers.prefer as string | undefined))
      }, toAzureError)
      return true
    }
    if (pathname === '/api/query/complete' && (request.method === 'GET' || request.method === 'POST')) {
      // POST, because URLs have a length limit and queries don't.
      const query = request.method === 'POST' ? await readQuery(request) : searchParams.get('query') ?? ''
      const position = searchParams.get('position')
      await answer(response, async () => JSON.stringify(await queries.complete(query, position !== null && /^\d{1,7}$/.test(position) ? Number(position) : query.length)))
      return true
    }
    return false
  }
}

async function readQuery (request: IncomingMessage): Promise<string> {
  let size = 0
  const body = await readBody(request, bytes => {
    size += bytes
    if (size > MAX_QUERY) throw new HttpError(413, 'The query is too long')
  })
  return body.toString()
}

/** The query as plain text, or as in Azure's API: `{ "query": "…" }`. */
function queryIn (body: string): string {
  if (!body.trimStart().startsWith('{')) return body
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return body
  }
  if (isObject(parsed) && typeof parsed.query === 'string') return parsed.query
  throw new QueryError('FAI_KQL_INVALID', 'Expected a query as text, or as { "query": "…" }')
}

async function answer (response: ServerResponse, work: (signal: AbortSignal) => Promise<string>, failed = failure): Promise<void> {
  const gone = new AbortController()
  const leave = (): void => { if (!response.writableEnded) gone.abort() }
  response.once('close', leave)
  try {
    send(response, 200, await work(gone.signal))
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    send(response, STATUS[error.code], JSON.stringify(failed(error)))
  } finally {
    response.off('close', leave)
  }
}

function failure ({ code, message, line, column }: QueryError): object {
  return { error: message, code, line, column }
}

function send (response: ServerResponse, status: number, body: string): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(body)
}

/** Values that JSON can't represent are written as text: integers beyond 2^53, NaN and the infinities. */
export function toJson (result: object): string {
  return JSON.stringify(result, (_key, value: unknown) => typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : value)
}
