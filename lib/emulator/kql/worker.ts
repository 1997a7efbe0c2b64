/** The thread that runs queries: rows and queries come in, answers go out. Nothing here can block ingestion. */
import { parentPort, workerData } from 'node:worker_threads'
import { createEngine } from './engine'
import { QueryError } from './errors'
import type { Failure, FromWorker, QueryMessage, ToWorker, WorkerData } from './messages'
import { toResult, type QueryResult } from './output'
import { createRows } from './rows'

/** Maximum rows in one answer, as in Azure. */
const MAX_ROWS = 500_000

const { stop } = workerData as WorkerData
const port = parentPort
const rows = createRows()
type Engine = ReturnType<typeof createEngine>
let engine: Engine | undefined

function query (running: Engine, { id, query: text, timeout, first, scope }: QueryMessage): QueryResult {
  rows.dropBefore(first)
  const end = performance.now() + timeout
  const { table, render } = running.run(text, () => {
    if (Atomics.load(stop, 0) === id) return new QueryError('FAI_KQL_CANCELLED', 'The query was cancelled')
    return performance.now() > end ? new QueryError('FAI_KQL_TIMEOUT', `The query took longer than ${timeout / 1_000} s`) : undefined
  }, rows.within(scope))
  if (table.rows.length > MAX_ROWS) throw new QueryError('FAI_KQL_LIMIT', `The answer has more than ${MAX_ROWS.toLocaleString('en')} rows: summarize them, or take fewer`)
  return toResult(table, render)
}

function failureOf (error: unknown): Failure {
  const { code, message, line, column } = error as QueryError
  if (error instanceof QueryError) return { code, message, line, column }
  if (error instanceof RangeError && /call stack/.test(message)) return { code: 'FAI_KQL_LIMIT', message: 'The query is nested too deeply' }
  // A bug of ours: send only the message, so that it contains no row's text.
  return { code: undefined, message: `The query failed: ${message}` }
}

port?.on('message', (message: ToWorker) => {
  if (message.type === 'rows') return rows.add(message.rows)
  const { id } = message
  // The parser is slow to load, so load it before the query's own time starts.
  let answer: FromWorker
  try {
    engine ??= createEngine(rows.tables)
    port.postMessage({ id, started: true } satisfies FromWorker)
    answer = message.type === 'query' ? { id, result: query(engine, message) } : { id, completion: engine.complete(message.query, message.position) }
  } catch (error) {
    answer = { id, failure: failureOf(error) }
  }
  port.postMessage(answer)
})
