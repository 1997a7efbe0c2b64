/** The thread that runs queries: rows and questions come in, answers go out. Nothing here can stop the ingestion of rows. */
import { parentPort, workerData } from 'node:worker_threads'
import { createEngine } from './engine'
import { QueryError } from './errors'
import type { CompleteMessage, Failure, FromWorker, QueryMessage, ToWorker, WorkerData } from './messages'
import { toResult, type QueryResult } from './output'
import { createRows } from './rows'

/** Rows of one answer, as Azure has it. */
const MAX_ROWS = 500_000

const { stop } = workerData as WorkerData
const port = parentPort
const rows = createRows()
let engine: ReturnType<typeof createEngine> | undefined

function query ({ id, query: text, timeout, first }: QueryMessage): QueryResult {
  rows.dropBefore(first)
  engine ??= createEngine(rows.tables)
  const end = performance.now() + timeout
  const { table, render } = engine.run(text, () => {
    if (Atomics.load(stop, 0) === id) return new QueryError('FAI_KQL_CANCELLED', 'The query was cancelled')
    return performance.now() > end ? new QueryError('FAI_KQL_TIMEOUT', `The query took longer than ${timeout / 1_000} s`) : undefined
  })
  if (table.rows.length > MAX_ROWS) throw new QueryError('FAI_KQL_LIMIT', `The answer has more than ${MAX_ROWS.toLocaleString('en')} rows: summarize them, or take fewer`)
  return toResult(table, render)
}

function complete ({ query: text, position }: CompleteMessage) {
  engine ??= createEngine(rows.tables)
  return engine.complete(text, position)
}

function failureOf (error: unknown): Failure {
  const { code, message, line, column } = error as QueryError
  if (error instanceof QueryError) return { code, message, line, column }
  if (error instanceof RangeError && /call stack/.test(message)) return { code: 'FAI_KQL_LIMIT', message: 'The query is nested too deeply' }
  // A fault of ours: the message alone, so that no row's text is in it.
  return { code: undefined, message: `The query failed: ${message}` }
}

port?.on('message', (message: ToWorker) => {
  if (message.type === 'rows') return rows.add(message.rows)
  const { id } = message
  let answer: FromWorker
  try {
    answer = message.type === 'query' ? { id, result: query(message) } : { id, completion: complete(message) }
  } catch (error) {
    answer = { id, failure: failureOf(error) }
  }
  port.postMessage(answer)
})
