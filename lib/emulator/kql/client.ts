/** The emulator's queries → a separate thread, which gets the rows as they arrive and runs one query at a time. */
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Store } from '../store'
import { QueryError } from './errors'
import type { Completion } from './completion'
import type { Failure, FromWorker, QueryScope, ToWorker, WorkerData } from './messages'
import type { QueryResult } from './output'

export interface QueryOptions {
  /** Time limit for the query, in milliseconds. @default 10000 */
  timeout?: number
  /** Cancels the query. */
  signal?: AbortSignal
  /** Rows that the query sees: `from` and `to` in milliseconds since 1970, and `role`. @default all */
  scope?: QueryScope
}

/** Maximum queries in the queue. */
const MAX_WAITING = 32
/** Rows sent per event loop turn, and their size in characters. */
const AT_ONCE = 1_000
const SIZE_AT_ONCE = 2_000_000
/** How long a query may take to notice that it should stop, in milliseconds. */
const GRACE = 1_500
/** How long reading the rows and loading the parser may take, in milliseconds. */
const LOADING = 120_000
/** How often new rows are sent while no query is running, in milliseconds. */
const FEED_EVERY = 500
/** Without queries for this long, the thread ends and frees its copy of the rows. In milliseconds. */
const IDLE = 300_000
/** The thread's memory limit in MB: for rows, and what queries make of them. */
const MEMORY = 1_024

interface Running { worker: Worker, stop: Int32Array, sent: number }

interface Job<T> {
  message (id: number): ToWorker
  timeout: number
  signal?: AbortSignal
  read (answer: FromWorker): T | undefined
}

export class Queries {
  readonly #store: Store
  readonly #unlisten: () => void
  #running: Running | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #next = 1
  #closed = false
  #idle: NodeJS.Timeout | undefined
  #feeding: NodeJS.Timeout | undefined
  /** Rejects the running query. */
  #abandon: ((error: QueryError) => void) | undefined

  constructor (store: Store) {
    this.#store = store
    // After the first query, rows are sent ahead, so that later queries find them there.
    this.#unlisten = store.listen(() => { if (this.#running !== undefined) this.#feeding ??= setTimeout(() => this.#feed(), FEED_EVERY).unref() })
  }

  /** Rejects with a QueryError, which has a code and, if the error has a position, a line and a column. */
  async query (query: string, { timeout = 10_000, signal, scope = {} }: QueryOptions = {}): Promise<QueryResult> {
    return await this.#queued({
      message: id => ({ type: 'query', id, query, timeout, first: this.#store.first, scope }),
      timeout,
      signal,
      read: answer => 'result' in answer ? answer.result : undefined
    })
  }

  /** Completions at a position in a query. */
  async complete (query: string, position = query.length): Promise<Completion> {
    return await this.#queued({
      message: id => ({ type: 'complete', id, query, position }),
      timeout: 10_000,
      read: answer => 'completion' in answer ? answer.completion : undefined
    })
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#unlisten()
    clearTimeout(this.#idle)
    clearTimeout(this.#feeding)
    this.#abandon?.(new QueryError('FAI_KQL_CANCELLED', 'The emulator was closed'))
    const worker = this.#running?.worker
    this.#running = undefined
    await worker?.terminate()
  }

  /** One after another: the thread runs one job at a time, and each gets its full time. */
  async #queued<T> (job: Job<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new QueryError('FAI_KQL_LIMIT', 'Too many queries at once')
    this.#waiting++
    const turnOfJob = this.#last.then(() => this.#perform(job))
    this.#last = turnOfJob.catch(() => {})
    return await turnOfJob.finally(() => { this.#waiting-- })
  }

  async #perform<T> (job: Job<T>): Promise<T> {
    if (this.#closed) throw new QueryError('FAI_KQL_CANCELLED', 'The emulator was closed')
    if (job.signal?.aborted === true) throw new QueryError('FAI_KQL_CANCELLED', 'The query was cancelled')
    clearTimeout(this.#idle)
    const running = this.#running ??= this.#start()
    await this.#handOver(running)
    return await this.#ask(running, job).finally(() => {
      if (!this.#closed) this.#idle = setTimeout(() => this.#end(running), IDLE).unref()
    })
  }

  #ask<T> (running: Running, { message, timeout, signal, read }: Job<T>): Promise<T> {
    const { worker, stop } = running
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      let hard: NodeJS.Timeout | undefined
      let cancelled = false
      // The thread stops by itself; if it can't, it is terminated.
      const endAfter = (time: number, error: QueryError): void => {
        clearTimeout(hard)
        hard = setTimeout(() => {
          this.#end(running)
          finish(() => reject(error))
        }, time)
      }
      const cancel = (): void => {
        cancelled = true
        Atomics.store(stop, 0, id)
        endAfter(GRACE, new QueryError('FAI_KQL_CANCELLED', 'The query was cancelled'))
      }
      const finish = (settle: () => void): void => {
        clearTimeout(hard)
        worker.off('message', receive)
        signal?.removeEventListener('abort', cancel)
        this.#abandon = undefined
        worker.unref()
        settle()
      }
      const receive = (answer: FromWorker): void => {
        if (answer.id !== id) return
        if ('started' in answer) {
          if (!cancelled) endAfter(timeout + GRACE, new QueryError('FAI_KQL_TIMEOUT', `The query took longer than ${timeout / 1_000} s`))
        } else if ('failure' in answer) finish(() => reject(errorOf(answer.failure)))
        else finish(() => resolve(read(answer) as T))
      }
      worker.on('message', receive)
      worker.ref()
      signal?.addEventListener('abort', cancel, { once: true })
      this.#abandon = error => finish(() => reject(error))
      endAfter(LOADING, new QueryError('FAI_KQL_TIMEOUT', `The rows could not be read within ${LOADING / 1_000} s`))
      if (signal?.aborted === true) cancel()
      worker.postMessage(message(id))
    })
  }

  #start (): Running {
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(join(__dirname, 'worker.js'), { workerData: { stop } satisfies WorkerData, name: 'fastify-app-insights-kql', stdin: false, resourceLimits: { maxOldGenerationSizeMb: MEMORY } })
    const started: Running = { worker, stop, sent: 0 }
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#running !== started) return
      this.#running = undefined
      const outOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      this.#abandon?.(new QueryError('FAI_KQL_LIMIT', outOfMemory ? `The query needs more than ${MEMORY} MB of memory` : `The thread of the query ended: ${error.message}`))
    })
    worker.unref()
    return started
  }

  #end (running: Running): void {
    if (this.#running === running) this.#running = undefined
    void running.worker.terminate()
  }

  #feed (): void {
    this.#feeding = undefined
    const running = this.#running
    if (running !== undefined) this.#last = this.#last.then(() => this.#running === running ? this.#handOver(running) : undefined)
  }

  /** Sends the rows since the last call, in chunks, so that ingestion continues in between. */
  async #handOver (running: Running): Promise<void> {
    const store = this.#store
    while (running.sent < store.last) {
      const rows: Array<[number, string]> = []
      let size = 0
      let itemId = Math.max(running.sent + 1, store.first)
      for (; itemId <= store.last && rows.length < AT_ONCE && size < SIZE_AT_ONCE; itemId++) {
        const record = store.record(itemId)
        if (record === undefined) continue
        rows.push([itemId, record.text])
        size += record.text.length
      }
      running.sent = itemId - 1
      if (rows.length > 0) running.worker.postMessage({ type: 'rows', rows } satisfies ToWorker)
      await turn()
    }
  }
}

function errorOf ({ code, message, line, column }: Failure): Error {
  if (code === undefined) return new Error(message)
  return Object.assign(new QueryError(code, message), line === undefined ? {} : { line, column })
}
