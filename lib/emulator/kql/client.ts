/** Queries of the emulator → a thread of their own, which gets the rows as they come, one query after the other. */
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Store } from '../store'
import { QueryError } from './errors'
import type { Completion } from './language'
import type { Failure, FromWorker, ToWorker, WorkerData } from './messages'
import type { QueryResult } from './output'

export interface QueryOptions {
  /** Milliseconds that the query may run. @default 10000 */
  timeout?: number
  /** Cancels the query. */
  signal?: AbortSignal
}

/** Queries that may wait for their turn. */
const MAX_WAITING = 32
/** Rows that are handed over between two turns of the event loop, and their size in characters. */
const AT_ONCE = 1_000
const SIZE_AT_ONCE = 2_000_000
/** How long a query that is to stop may take to notice, in milliseconds. */
const GRACE = 1_500
/** How long reading the rows and loading the parser may take, in milliseconds. */
const LOADING = 120_000
/** How soon new rows are handed over while no query asks for them, in milliseconds. */
const FEED_EVERY = 500
/** Without queries for that long the thread ends, and its copy of the rows with it, in milliseconds. */
const IDLE = 300_000
/** Of the thread, in MB: rows, and what queries make of them. */
const MEMORY = 1_024

interface Running { worker: Worker, stop: Int32Array, sent: number }

interface Job<T> {
  message (id: number): ToWorker
  timeout: number
  signal?: AbortSignal
  read (answer: FromWorker): T | undefined
}

export function createQueries (store: Store) {
  let running: Running | undefined
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  let next = 1
  let closed = false
  let idle: NodeJS.Timeout | undefined
  let abandon: ((error: QueryError) => void) | undefined
  let feeding: NodeJS.Timeout | undefined
  // Once there has been a query, the next ones find the rows there already.
  const unlisten = store.listen(() => { if (running !== undefined) feeding ??= setTimeout(feed, FEED_EVERY).unref() })

  function start (): Running {
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(join(__dirname, 'worker.js'), { workerData: { stop } satisfies WorkerData, name: 'fastify-app-insights-kql', stdin: false, resourceLimits: { maxOldGenerationSizeMb: MEMORY } })
    const started: Running = { worker, stop, sent: 0 }
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (running === started) running = undefined
      abandon?.(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? new QueryError('FAI_KQL_LIMIT', `The query needs more than ${MEMORY} MB of memory`) : new QueryError('FAI_KQL_LIMIT', `The thread of the query ended: ${error.message}`))
    })
    worker.unref()
    return started
  }

  function feed (): void {
    feeding = undefined
    const now = running
    if (now !== undefined) last = last.then(() => running === now ? handOver(now) : undefined)
  }

  function end (): void {
    void running?.worker.terminate()
    running = undefined
  }

  /** What has come since the last query, in pieces: ingestion goes on between them. */
  async function handOver (to: Running): Promise<void> {
    while (to.sent < store.last) {
      const rows: Array<[number, string]> = []
      let size = 0
      let itemId = Math.max(to.sent + 1, store.first)
      for (; itemId <= store.last && rows.length < AT_ONCE && size < SIZE_AT_ONCE; itemId++) {
        const record = store.record(itemId)
        if (record === undefined) continue
        rows.push([itemId, record.text])
        size += record.text.length
      }
      to.sent = itemId - 1
      if (rows.length > 0) to.worker.postMessage({ type: 'rows', rows } satisfies ToWorker)
      await turn()
    }
  }

  async function perform<T> ({ message, timeout, signal, read }: Job<T>): Promise<T> {
    if (closed) throw new QueryError('FAI_KQL_CANCELLED', 'The emulator was closed')
    if (signal?.aborted === true) throw new QueryError('FAI_KQL_CANCELLED', 'The query was cancelled')
    clearTimeout(idle)
    const now = running ??= start()
    const { worker, stop } = now
    const id = next++
    await handOver(now)
    const outcome = new Promise<T>((resolve, reject) => {
      let hard: NodeJS.Timeout | undefined
      let cancelled = false
      const give = (error: QueryError, after: number): void => {
        clearTimeout(hard)
        hard = setTimeout(() => {
          if (running === now) running = undefined
          void worker.terminate()
          finish(() => reject(error))
        }, after)
      }
      const cancel = (): void => {
        cancelled = true
        Atomics.store(stop, 0, id)
        give(new QueryError('FAI_KQL_CANCELLED', 'The query was cancelled'), GRACE)
      }
      const finish = (settle: () => void): void => {
        clearTimeout(hard)
        worker.off('message', receive)
        signal?.removeEventListener('abort', cancel)
        abandon = undefined
        worker.unref()
        settle()
      }
      const receive = (answer: FromWorker): void => {
        if (answer.id !== id) return
        if ('started' in answer) {
          // Where it cannot stop by itself at its limit, the thread is ended.
          if (!cancelled) give(new QueryError('FAI_KQL_TIMEOUT', `The query took longer than ${timeout / 1_000} s`), timeout + GRACE)
          return
        }
        finish(() => {
          if ('failure' in answer) return reject(errorOf(answer.failure))
          resolve(read(answer) as T)
        })
      }
      worker.on('message', receive)
      worker.ref()
      signal?.addEventListener('abort', cancel, { once: true })
      abandon = error => finish(() => reject(error))
      give(new QueryError('FAI_KQL_TIMEOUT', `The rows could not be read within ${LOADING / 1_000} s`), LOADING)
      if (signal?.aborted === true) cancel()
      worker.postMessage(message(id))
    })
    return await outcome.finally(() => { idle = setTimeout(end, IDLE).unref() })
  }

  /** One after the other: the thread does one thing at a time, and each has its whole time. */
  async function queued<T> (job: Job<T>): Promise<T> {
    if (waiting >= MAX_WAITING) throw new QueryError('FAI_KQL_LIMIT', 'Too many queries at once')
    waiting++
    const turnOfJob = last.then(() => perform(job))
    last = turnOfJob.catch(() => {})
    return await turnOfJob.finally(() => { waiting-- })
  }

  return {
    /** Rejects with a QueryError, which has a code and, where it is about a place, a line and a column. */
    async query (query: string, { timeout = 10_000, signal }: QueryOptions = {}): Promise<QueryResult> {
      return await queued({
        message: id => ({ type: 'query', id, query, timeout, first: store.first }),
        timeout,
        signal,
        read: answer => 'result' in answer ? answer.result : undefined
      })
    },

    /** What may be written at a place in a query. */
    async complete (query: string, position = query.length): Promise<Completion> {
      return await queued({
        message: id => ({ type: 'complete', id, query, position }),
        timeout: 10_000,
        read: answer => 'completion' in answer ? answer.completion : undefined
      })
    },

    async close (): Promise<void> {
      closed = true
      unlisten()
      clearTimeout(idle)
      clearTimeout(feeding)
      abandon?.(new QueryError('FAI_KQL_CANCELLED', 'The emulator was closed'))
      const { worker } = running ?? {}
      running = undefined
      await worker?.terminate()
    }
  }
}

function errorOf ({ code, message, line, column }: Failure): Error {
  if (code === undefined) return new Error(message)
  return Object.assign(new QueryError(code, message), line === undefined ? {} : { line, column })
}

export type Queries = ReturnType<typeof createQueries>
