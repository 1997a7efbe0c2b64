/** The page's queries → rows as JSON, and a signal when new ones arrive. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RefusedItem } from './health'
import { sendJson } from './http-error'
import { importRows } from './import'
import type { Queries } from './kql/client'
import { createQueryApi } from './kql/http'
import { createQueries, countTypes, readQuery } from './query'
import type { Kept, Store } from './store'
import { failureSums } from './problems'
import { healthSums, operationSums } from './sums'
import { serviceMap } from './map'
import { metricSums } from './metric-sums'

type Handler = (this: Api, request: IncomingMessage, response: ServerResponse, params: URLSearchParams) => void | Promise<void>

/** Browser windows that can watch at the same time. */
const MAX_WATCHERS = 32
/** Minimum time between two signals, in milliseconds: under load the page must not wake up for every post. */
const SIGNAL_EVERY = 200
const MAX_LIMIT = 1_000
/** Maximum bytes of telemetry in one answer. */
const MAX_ANSWER = 16_000_000
/** Maximum rows shown for an operation. */
const MAX_OPERATION = 2_000
/** Maximum characters of a URL or command in a list. */
const MAX_URL = 300
/** Characters of an export written at a time. */
const EXPORTED_AT_ONCE = 64_000

const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /api/live': watch,
  'GET /api/rows': listRows,
  'DELETE /api/rows': clearRows,
  'GET /api/lines': listLines,
  'GET /api/operation': showOperation,
  'GET /api/performance': showPerformance,
  'GET /api/failures': showFailures,
  'GET /api/metrics': showMetrics,
  'GET /api/map': showMap,
  'GET /api/health': showHealth,
  'GET /api/export': exportRows,
  'POST /api/import': takeRows
}

export class Api {
  readonly store: Store
  readonly select: ReturnType<typeof createQueries>
  readonly refused: () => readonly RefusedItem[]
  readonly watchers = new Set<ServerResponse>()
  readonly #handleQuery: ReturnType<typeof createQueryApi>
  readonly #unlisten: () => void
  readonly #heartbeat: NodeJS.Timeout
  #signal: NodeJS.Timeout | undefined

  constructor (store: Store, refused: () => readonly RefusedItem[], queries: Queries) {
    this.#handleQuery = createQueryApi(queries)
    this.store = store
    this.refused = refused
    this.select = createQueries(store)
    this.#unlisten = store.listen(() => { this.#signal ??= setTimeout(() => this.#tell(), SIGNAL_EVERY).unref() })
    this.#heartbeat = setInterval(() => { for (const watcher of this.watchers) watcher.write(': still here\n\n') }, 15_000).unref()
  }

  /** False if there is nothing at this path. */
  async handle (request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const { pathname, searchParams } = url
    if (await this.#handleQuery(request, response, url)) return true
    const handler = `${request.method} ${pathname}`
    if (Object.hasOwn(HANDLERS, handler)) {
      await HANDLERS[handler].call(this, request, response, searchParams)
      return true
    }
    const one = request.method === 'GET' ? /^\/api\/rows\/(\d{1,15})$/.exec(pathname) : null
    if (one === null) return false
    const record = this.store.record(Number(one[1]))
    if (record) sendJson(response, 200, this.store.row(record))
    else sendJson(response, 404, { error: 'This row is not kept, or not any more' })
    return true
  }

  state () {
    const { first, last, size, bytes, dropped, roles } = this.store
    return { first, last, size, bytes, dropped, roles }
  }

  records (ids: readonly number[]): Kept[] {
    return ids.flatMap(id => this.store.record(id) ?? [])
  }

  /** One page of the answer, newest first. */
  * window (params: URLSearchParams): Generator<Kept> {
    const ids = this.select(readQuery(params))
    const offset = count(params.get('offset'), 0)
    const end = Math.min(ids.length, offset + Math.min(MAX_LIMIT, count(params.get('limit'), 100)))
    for (let place = offset; place < end; place++) {
      const record = this.store.record(ids[ids.length - 1 - place])
      if (record) yield record
    }
  }

  close (): void {
    this.#unlisten()
    clearTimeout(this.#signal)
    clearInterval(this.#heartbeat)
    for (const watcher of this.watchers) watcher.end()
  }

  #tell (): void {
    this.#signal = undefined
    for (const watcher of this.watchers) {
      // If a client doesn't read, its backlog would fill our memory.
      if (watcher.writableLength > 1_000_000) watcher.destroy()
      else watcher.write(`data: ${JSON.stringify(this.state())}\n\n`)
    }
  }
}

function watch (this: Api, request: IncomingMessage, response: ServerResponse): void {
  if (this.watchers.size >= MAX_WATCHERS) return sendJson(response, 503, { error: 'Too many windows are watching' })
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  response.write(`retry: 1000\ndata: ${JSON.stringify(this.state())}\n\n`)
  this.watchers.add(response)
  request.once('close', () => this.watchers.delete(response))
  response.once('close', () => this.watchers.delete(response))
}

function listRows (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  const rows = []
  let size = 0
  for (const record of this.window(params)) {
    size += record.text.length
    if (size > MAX_ANSWER && rows.length > 0) break
    rows.push(this.store.row(record))
  }
  sendJson(response, 200, rows)
}

function clearRows (this: Api, _request: IncomingMessage, response: ServerResponse): void {
  this.store.clear()
  sendJson(response, 200, this.state())
}

function listLines (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  const query = readQuery(params)
  const ids = this.select(query)
  const everyKind = query.types ? this.select({ ...query, types: undefined }) : ids
  sendJson(response, 200, { ...this.state(), total: ids.length, counts: countTypes(this.store, everyKind), lines: [...this.window(params)].map(record => line(this.store, record)) })
}

/** If there is a search, also returns the ids of the rows it finds. */
function showOperation (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  const { text, ...query } = readQuery(params)
  const ids = this.select(query)
  const records = this.records(ids.slice(0, MAX_OPERATION)).sort((a, b) => a.time - b.time || a.itemId - b.itemId)
  const found = text === undefined ? undefined : this.select({ ...query, text }).slice(0, MAX_OPERATION)
  sendJson(response, 200, { ...this.state(), total: ids.length, lines: records.map(record => line(this.store, record)), found })
}

function showPerformance (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  const query = { types: ['request' as const], ...readQuery(params) }
  sendJson(response, 200, operationSums(this.records(this.select(query)), query))
}

function showFailures (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  const query = { ...readQuery(params), types: ['request' as const, 'dependency' as const, 'exception' as const] }
  sendJson(response, 200, failureSums(this.records(this.select(query)), query))
}

function showMetrics (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  const query = { ...readQuery(params), types: ['metric' as const, 'performanceCounter' as const] }
  sendJson(response, 200, metricSums(this.records(this.select(query)), query))
}

function showMap (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  // Apply the role to the finished map: both ends of each arrow are needed first.
  const { role, ...query } = readQuery(params)
  sendJson(response, 200, serviceMap(this.records(this.select({ ...query, types: ['request', 'dependency'] })), role))
}

function showHealth (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): void {
  const found = healthSums(this.records(this.select(readQuery(params))))
  sendJson(response, 200, { ...this.state(), findings: found, refused: this.refused().slice(-50).reverse() })
}

/** Envelopes, one a line, oldest first: the format of imports and of the emulator's own file. */
async function exportRows (this: Api, _request: IncomingMessage, response: ServerResponse, params: URLSearchParams): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'content-disposition': 'attachment; filename="telemetry.ndjson"' })
  // Excludes rows that arrive while the export is being written.
  const ids = this.select(readQuery(params)).slice()
  // The reader sets the pace, so that the rows are not in memory twice.
  await pipeline(Readable.from(lines(this.store, ids)), response)
}

function * lines (store: Store, ids: readonly number[]): Generator<string> {
  let text = ''
  for (const id of ids) {
    const record = store.record(id)
    if (record === undefined) continue
    text += `${record.text}\n`
    if (text.length < EXPORTED_AT_ONCE) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

async function takeRows (this: Api, request: IncomingMessage, response: ServerResponse): Promise<void> {
  sendJson(response, 200, await importRows(request, this.store))
}

/** A row as shown in a list. The URL is looked up on demand, since few rows are visible at a time. */
function line (store: Store, record: Kept): Omit<Kept, 'text' | 'size'> & { url?: string } {
  const { text, size, ...columns } = record
  if (record.type !== 'request' && record.type !== 'dependency' && record.type !== 'pageView') return columns
  const { url, data } = store.row(record)
  return { ...columns, url: (url ?? data)?.slice(0, MAX_URL) }
}

function count (text: string | null, otherwise: number): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : otherwise
}
