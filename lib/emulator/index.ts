/** Application Insights on this machine: telemetry comes in over HTTP, rows come out. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createScript, type Answer } from './answers'
import { keepInFile } from './file'
import { createQueries, type QueryOptions } from './kql/client'
import type { QueryResult } from './kql/output'
import { describe, matches, type Match, type RowMatch } from './match'
import { line } from './line'
import type { Row, RowOf, RowType } from './rows'
import { createServer, type Post } from './server'
import { createStore } from './store'

export type { Answer, ScriptedAnswer, TrackRequest } from './answers'
export type { ItemError } from './ingestion'
export type { QueryOptions } from './kql/client'
export type { QueryErrorCode } from './kql/errors'
export type { QueryResult, Render } from './kql/output'
export type { Match, Matcher, RowMatch } from './match'
export type { Envelope, ExceptionDetail, Row, RowOf, RowType } from './rows'
export type { Post } from './server'

export interface EmulatorOptions {
  /** Port on 127.0.0.1. @default 0, any free one */
  port?: number
  /** Rows kept; the oldest leave first. @default 100000 */
  maxRows?: number
  /** Bytes of telemetry kept; the oldest leave first. @default 134217728 */
  maxBytes?: number
  /** A file that keeps the rows over restarts: envelopes, one a line. @default none, rows are in memory only */
  file?: string
  /** What the connection string names. Rows of any key are taken. @default all zeros */
  instrumentationKey?: string
  /** Origins of web pages that may send telemetry, besides those of this machine. @default [] */
  origins?: readonly string[]
}

export interface WaitOptions {
  /** Milliseconds. @default 5000 */
  timeout?: number
}

export interface Emulator {
  /** Of the page and the ingestion endpoint, without a slash at its end. */
  readonly url: string
  readonly connectionString: string
  /** The latest posts to the ingestion endpoint, oldest first, 1,000 at most. */
  readonly posts: readonly Post[]
  /** The rows that match, in their order of arrival. */
  items<T extends RowType> (match: RowMatch & { type: T }): Array<RowOf<T>>
  items (match?: Match): Row[]
  /**
   * The first row that matches, whether it is here or still to come; with `count`, that many.
   * Rejects after the timeout, with what did arrive in the message.
   */
  waitFor<T extends RowType> (match: RowMatch & { type: T }, options: WaitOptions & { count: number }): Promise<Array<RowOf<T>>>
  waitFor (match: Match, options: WaitOptions & { count: number }): Promise<Row[]>
  waitFor<T extends RowType> (match: RowMatch & { type: T }, options?: WaitOptions): Promise<RowOf<T>>
  waitFor (match: Match, options?: WaitOptions): Promise<Row>
  /**
   * Runs a KQL query over the rows, as the portal's Logs page does: `requests | where success == false | count`.
   * Tables have the names and columns of Application Insights or, as `AppRequests` and so on, of a workspace.
   * Needs the package `@kusto/language-service-next`.
   * Rejects with a `code`: `FAI_KQL_INVALID` where the query is wrong, with `line` and `column`; `FAI_KQL_UNSUPPORTED`,
   * `FAI_KQL_TIMEOUT` (10 s, see the options), `FAI_KQL_CANCELLED`, `FAI_KQL_LIMIT` or `FAI_KQL_NOT_INSTALLED`.
   */
  query (kql: string, options?: QueryOptions): Promise<QueryResult>
  /** Forgets rows and posts. A script stays. */
  clear (): void
  /** How the next posts are answered: each answer in its turn; without any, as the real endpoint would. */
  respondWith (...answers: Answer[]): void
  /** Calls back with the rows of each post as they come. Returns how to stop. */
  listen (listener: (rows: Row[]) => void): () => void
  /** Ends every connection and rejects what still waits. */
  close (): Promise<void>
}

const POSTS = 1_000

/** Starts an emulator of Application Insights' ingestion on 127.0.0.1, with its page at `url`. */
export async function startEmulator (options: EmulatorOptions = {}): Promise<Emulator> {
  const instrumentationKey = options.instrumentationKey ?? '00000000-0000-0000-0000-000000000000'
  const store = createStore({ maxRows: options.maxRows ?? 100_000, maxBytes: options.maxBytes ?? 128 * 1024 * 1024 })
  const queries = createQueries(store)
  const waiting = new Set<(reason: string) => void>()
  let posts: Post[] = []
  let script = createScript([])

  const { server, close: closeApi } = createServer({
    store,
    origins: options.origins ?? [],
    instrumentationKey,
    script: () => script,
    queries,
    posted (post) {
      posts.push(post)
      if (posts.length > POSTS) posts.shift()
    }
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  // Not before the port is ours: another emulator may be writing this file.
  const closeFile = options.file === undefined
    ? async () => {}
    : await keepInFile(store, options.file).catch((error: unknown) => {
      closeApi()
      server.close()
      throw error
    })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  function items (match: Match = {}): Row[] {
    const wanted = typeof match === 'object' && typeof match.type === 'string' ? match.type : undefined
    const found: Row[] = []
    for (const record of store.records()) {
      // Reading a row back costs more than knowing its kind.
      if (wanted !== undefined && record.type !== wanted) continue
      const row = store.row(record)
      if (matches(row, match)) found.push(row)
    }
    return found
  }

  function waitFor (match: Match, { timeout = 5_000, count }: WaitOptions & { count?: number } = {}): Promise<Row | Row[]> {
    const asked = new Error()
    Error.captureStackTrace(asked, waitFor)
    const waited = new Promise<Row | Row[]>((resolve, reject) => {
      const found = items(match)
      const needed = count ?? 1
      const answer = () => { resolve(count === undefined ? found[0] : found.slice(0, count)) }
      if (found.length >= needed) return answer()

      const timer = setTimeout(() => fail(`within ${timeout} ms`), timeout)
      const unlisten = store.listen(rows => {
        try {
          if (rows.length === 0) found.length = 0
          for (const row of rows) if (matches(row, match)) found.push(row)
        } catch (error) {
          end()
          return reject(error)
        }
        if (found.length < needed) return
        end()
        answer()
      })
      waiting.add(fail)

      function fail (when: string): void {
        end()
        asked.message = [
          `${needed === 1 ? 'No row' : `Only ${found.length} of ${needed} rows`} matched ${describe(match)} ${when}.`,
          arrived()
        ].join('\n')
        asked.stack = asked.stack?.replace(/^Error\n/, () => `Error: ${asked.message}\n`)
        reject(Object.assign(asked, { code: 'FAI_EMULATOR_TIMEOUT' }))
      }
      function end (): void {
        clearTimeout(timer)
        unlisten()
        waiting.delete(fail)
      }
    })
    // A test may send its requests before it awaits: a failure meanwhile must reach the await, not end the process.
    waited.catch(() => {})
    return waited
  }

  /** For a failure message: what is here instead. */
  function arrived (): string {
    const shown = 40
    const records = [...store.records(Math.max(0, store.size - shown))]
    const lines = records.map(record => `  ${line(record)}`)
    if (store.size > shown) lines.unshift(`  … ${store.size - shown} more before`)
    const refused = posts.filter(post => post.status >= 300 || post.status === 0)
    return [
      store.size === 0 ? 'No rows arrived.' : `${store.size} ${store.size === 1 ? 'row' : 'rows'} arrived:`,
      ...lines,
      `${posts.length} ${posts.length === 1 ? 'post' : 'posts'} came${refused.length === 0 ? '.' : `, not taken: ${refused.slice(-10).map(post => `${post.status || 'no answer'} (${post.items} items)`).join(', ')}.`}`
    ].join('\n')
  }

  let closed: Promise<void> | undefined
  return {
    url,
    connectionString: `InstrumentationKey=${instrumentationKey};IngestionEndpoint=${url}`,
    get posts () { return posts },
    items: items as Emulator['items'],
    waitFor: waitFor as Emulator['waitFor'],
    query: queries.query,
    clear () {
      posts = []
      store.clear()
    },
    respondWith (...answers) {
      script = createScript(answers)
    },
    listen (listener) {
      return store.listen(rows => { if (rows.length > 0) listener(rows) })
    },
    close () {
      closed ??= new Promise<void>(resolve => {
        for (const fail of [...waiting]) fail('before the emulator was closed')
        closeApi()
        server.close(() => resolve())
        server.closeAllConnections()
      }).then(closeFile).finally(queries.close)
      return closed
    }
  }
}
