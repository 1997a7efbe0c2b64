/** Application Insights on this machine: telemetry comes in over HTTP, rows come out. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createScript, type Answer } from './answers'
import { keepInFile } from './file'
import type { RefusedItem } from './health'
import { Queries, type QueryOptions } from './kql/client'
import type { QueryResult } from './kql/output'
import { LiveService, type Live } from './live'
import type { Match, RowMatch } from './match'
import type { Row, RowOf, RowType } from './rows'
import { createServer } from './server'
import { Store } from './store'
import type { Post } from './track'
import { type WaitOptions, Waiting } from './waiting'

export type { WaitOptions } from './waiting'
export type { Answer, ScriptedAnswer, TrackRequest } from './answers'
export type { RefusedItem } from './health'
export type { ItemError } from './ingestion'
export type { ExpectOptions } from './contract'
export { expectRows } from './contract'
export type { QueryOptions } from './kql/client'
export type { QueryErrorCode } from './kql/errors'
export type { QueryResult, Render } from './kql/output'
export type { Live, LiveAnswer, LiveCall, LiveConfiguration, LiveDocument, LiveFilter, LivePoint, LiveServer, TelemetryType } from './live'
export type { Match, Matcher, RowMatch } from './match'
export type { Envelope, ExceptionDetail, Row, RowOf, RowType } from './rows'
export type { Post } from './track'

export interface EmulatorOptions {
  /** Port on 127.0.0.1. @default 0, any free one */
  port?: number
  /** Maximum number of rows kept; the oldest are evicted first. @default 100000 */
  maxRows?: number
  /** Maximum bytes of telemetry kept; the oldest are evicted first. @default 134217728 */
  maxBytes?: number
  /** A file that keeps the rows across restarts, one envelope a line. @default none, rows are in memory only */
  file?: string
  /** The key in the connection string. Rows with any key are accepted. @default all zeros */
  instrumentationKey?: string
  /** Origins of web pages that may send telemetry, in addition to those on this machine. @default [] */
  origins?: readonly string[]
  /** Keeps rows that Azure would reject; Health shows what is wrong with them. @default false, they are rejected as in Azure */
  lenient?: boolean
}

export interface Emulator {
  /** URL of the page and the ingestion endpoint, without a trailing slash. */
  readonly url: string
  readonly connectionString: string
  /** The latest posts to the ingestion endpoint, oldest first, 1,000 at most. */
  readonly posts: readonly Post[]
  /** The latest items rejected by the endpoint's rules or a script, oldest first, 200 at most. */
  readonly refused: readonly RefusedItem[]
  /** Live Metrics: who posts, what, and whether somebody watches. The page's Live view does while it is open. */
  readonly live: Live
  /** The rows that match, in their order of arrival. */
  items<T extends RowType> (match: RowMatch & { type: T }): Array<RowOf<T>>
  items (match?: Match): Row[]
  /**
   * The first row that matches, now or later; with `count`, that many.
   * Rejects after the timeout; the message lists what did arrive.
   */
  waitFor<T extends RowType> (match: RowMatch & { type: T }, options: WaitOptions & { count: number }): Promise<Array<RowOf<T>>>
  waitFor (match: Match, options: WaitOptions & { count: number }): Promise<Row[]>
  waitFor<T extends RowType> (match: RowMatch & { type: T }, options?: WaitOptions): Promise<RowOf<T>>
  waitFor (match: Match, options?: WaitOptions): Promise<Row>
  /**
   * Runs a KQL query over the rows, like the portal's Logs page: `requests | where success == false | count`.
   * Tables have the names and columns of Application Insights or, as `AppRequests` and so on, of a workspace.
   * Needs the package `@kusto/language-service-next`.
   * Rejects with a `code`: `FAI_KQL_INVALID` if the query is wrong, with `line` and `column`; `FAI_KQL_UNSUPPORTED`,
   * `FAI_KQL_TIMEOUT` (10 s, see the options), `FAI_KQL_CANCELLED`, `FAI_KQL_LIMIT` or `FAI_KQL_NOT_INSTALLED`.
   */
  query (kql: string, options?: QueryOptions): Promise<QueryResult>
  /** Forgets rows, posts, refused items and what Live Metrics have shown. A script stays. */
  clear (): void
  /** Sets the answers to the next posts, in order; without any, posts are answered like the real endpoint would. */
  respondWith (...answers: Answer[]): void
  /** Calls the listener with the rows of each post as they arrive. Returns a function that stops it. */
  listen (listener: (rows: Row[]) => void): () => void
  /** Ends all connections and rejects pending waits. */
  close (): Promise<void>
}

const POSTS = 1_000

/** Starts a local Application Insights ingestion endpoint on 127.0.0.1, with its page at `url`. */
export async function startEmulator (options: EmulatorOptions = {}): Promise<Emulator> {
  const instrumentationKey = options.instrumentationKey ?? '00000000-0000-0000-0000-000000000000'
  const store = new Store({ maxRows: options.maxRows ?? 100_000, maxBytes: options.maxBytes ?? 128 * 1024 * 1024 })
  const [queries, live] = [new Queries(store), new LiveService()]
  let posts: Post[] = []
  let script = createScript([])

  const { server, track, close: closeApi } = createServer({
    store,
    origins: options.origins ?? [],
    lenient: options.lenient ?? false,
    instrumentationKey,
    script: () => script,
    queries,
    live,
    posted (post) {
      posts.push(post)
      if (posts.length > POSTS) posts.shift()
    }
  })
  const waiting = new Waiting(store, () => posts, () => track.refused)
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  // Not before the port is ours: another emulator may be writing this file.
  const closeFile = await openFile(store, options.file, () => {
    closeApi()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  let closed: Promise<void> | undefined
  return {
    url,
    connectionString: `InstrumentationKey=${instrumentationKey};IngestionEndpoint=${url};LiveEndpoint=${url}`,
    get posts () { return posts },
    live,
    get refused () { return track.refused },
    items: ((match: Match = {}) => waiting.items(match)) as Emulator['items'],
    waitFor: ((match: Match, options?: WaitOptions) => waiting.waitFor(match, options)) as Emulator['waitFor'],
    query: (kql, options) => queries.query(kql, options),
    clear () {
      posts = []
      track.refused.length = 0
      store.clear()
      live.clear()
    },
    respondWith (...answers) {
      script = createScript(answers)
    },
    listen (listener) {
      return store.listen(rows => { if (rows.length > 0) listener(rows) })
    },
    close () {
      closed ??= new Promise<void>(resolve => {
        waiting.end('before the emulator was closed')
        closeApi()
        server.close(() => resolve())
        server.closeAllConnections()
      }).then(closeFile).finally(() => queries.close())
      return closed
    }
  }
}

/** @param fail what else ends where the file cannot be used */
async function openFile (store: Store, file: string | undefined, fail: () => void): Promise<() => void> {
  if (file === undefined) return () => {}
  return await keepInFile(store, file).catch((error: unknown) => {
    fail()
    throw error
  })
}
