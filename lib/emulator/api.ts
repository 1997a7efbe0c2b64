/** The page's questions → rows as JSON, and a signal when there are new ones. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RefusedItem } from './health'
import { accepted, answerTo, parse, readBody, sort } from './ingestion'
import type { Queries } from './kql/client'
import { createQueryApi } from './kql/http'
import { createQueries, countTypes, readQuery } from './query'
import type { Kept, Store } from './store'
import { failureSums, healthSums, operationSums } from './sums'

/** Browser windows that can watch at one time. */
const MAX_WATCHERS = 32
/** Shortest time between two signals, in milliseconds: under load the page must not be woken for every post. */
const SIGNAL_EVERY = 200
const MAX_LIMIT = 1_000
/** Rows that an operation is shown with. */
const MAX_OPERATION = 2_000
const MAX_IMPORT = 200_000_000

export function createApi (store: Store, refused: () => readonly RefusedItem[], queries: Queries) {
  const handleQuery = createQueryApi(queries)
  const select = createQueries(store)
  const watchers = new Set<ServerResponse>()
  let signal: NodeJS.Timeout | undefined
  const unlisten = store.listen(() => { signal ??= setTimeout(tell, SIGNAL_EVERY).unref() })
  const heartbeat = setInterval(() => { for (const watcher of watchers) watcher.write(': still here\n\n') }, 15_000).unref()

  function tell (): void {
    signal = undefined
    for (const watcher of watchers) {
      // A window that does not read would make its backlog ours.
      if (watcher.writableLength > 1_000_000) watcher.destroy()
      else watcher.write(`data: ${JSON.stringify(state())}\n\n`)
    }
  }

  function state () {
    return { first: store.first, last: store.last, size: store.size, bytes: store.bytes, dropped: store.dropped, roles: store.roles }
  }

  function watch (request: IncomingMessage, response: ServerResponse): void {
    if (watchers.size >= MAX_WATCHERS) return json(response, 503, { error: 'Too many windows are watching' })
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.write(`retry: 1000\ndata: ${JSON.stringify(state())}\n\n`)
    watchers.add(response)
    request.once('close', () => watchers.delete(response))
    response.once('close', () => watchers.delete(response))
  }

  /** A window on the answer, newest first. */
  function * window (params: URLSearchParams): Generator<Kept> {
    const ids = select(readQuery(params))
    const offset = count(params.get('offset'), 0)
    const end = Math.min(ids.length, offset + Math.min(MAX_LIMIT, count(params.get('limit'), 100)))
    for (let place = offset; place < end; place++) {
      const record = store.record(ids[ids.length - 1 - place])
      if (record) yield record
    }
  }

  async function handle (request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const { pathname, searchParams } = url
    const { method } = request
    if (pathname.startsWith('/api/query')) return await handleQuery(request, response, url)
    if (method === 'GET' && pathname === '/api/live') {
      watch(request, response)
      return true
    }
    if (method === 'GET' && pathname === '/api/rows') {
      json(response, 200, [...window(searchParams)].map(record => store.row(record)))
      return true
    }
    if (method === 'DELETE' && pathname === '/api/rows') {
      store.clear()
      json(response, 200, state())
      return true
    }
    if (method === 'GET' && pathname === '/api/lines') {
      const query = readQuery(searchParams)
      const ids = select(query)
      const everyKind = query.types ? select({ ...query, types: undefined }) : ids
      json(response, 200, { ...state(), total: ids.length, counts: countTypes(store, everyKind), lines: [...window(searchParams)].map(line) })
      return true
    }
    if (method === 'GET' && pathname === '/api/operation') {
      const ids = select(readQuery(searchParams))
      const records = recordsOf(ids.slice(0, MAX_OPERATION)).sort((a, b) => a.time - b.time || a.itemId - b.itemId)
      json(response, 200, { ...state(), total: ids.length, lines: records.map(line) })
      return true
    }
    if (method === 'GET' && pathname === '/api/performance') {
      json(response, 200, operationSums(recordsOf(select({ types: ['request'], ...readQuery(searchParams) }))))
      return true
    }
    if (method === 'GET' && pathname === '/api/failures') {
      json(response, 200, failureSums(recordsOf(select({ ...readQuery(searchParams), types: ['request', 'dependency', 'exception'] }))))
      return true
    }
    if (method === 'GET' && pathname === '/api/health') {
      json(response, 200, { ...state(), findings: healthSums(recordsOf(select(readQuery(searchParams)))), refused: refused().slice(-50).reverse() })
      return true
    }
    if (method === 'GET' && pathname === '/api/export') {
      await writeOut(response, select(readQuery(searchParams)))
      return true
    }
    if (method === 'POST' && pathname === '/api/import') {
      const sorted = sort(parse(await readBody(request, MAX_IMPORT)))
      store.add(accepted(sorted), { replayed: true })
      json(response, 200, answerTo(sorted).body)
      return true
    }
    const one = method === 'GET' ? /^\/api\/rows\/(\d{1,15})$/.exec(pathname) : null
    if (one) {
      const record = store.record(Number(one[1]))
      if (record) json(response, 200, store.row(record))
      else json(response, 404, { error: 'This row is not kept, or not any more' })
      return true
    }
    return false
  }

  function recordsOf (ids: readonly number[]): Kept[] {
    return ids.flatMap(id => store.record(id) ?? [])
  }

  /** Envelopes, one a line, oldest first: what import and the emulator's own file read. */
  async function writeOut (response: ServerResponse, ids: readonly number[]): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8', 'content-disposition': 'attachment; filename="telemetry.ndjson"' })
    for (const id of ids) {
      const record = store.record(id)
      if (!record || response.write(`${record.text}\n`)) continue
      // A slow reader sets the pace, so that the rows are not in memory twice.
      await new Promise<void>(resolve => { response.once('drain', resolve).once('close', resolve) })
      if (response.destroyed) return
    }
    response.end()
  }

  return {
    handle,
    close (): void {
      unlisten()
      clearTimeout(signal)
      clearInterval(heartbeat)
      for (const watcher of watchers) watcher.end()
    }
  }
}

function line ({ text, ...columns }: Kept): Omit<Kept, 'text'> {
  return columns
}

function count (text: string | null, otherwise: number): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : otherwise
}

function json (response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
  response.end(JSON.stringify(body))
}
