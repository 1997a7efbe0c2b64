/** Messages between the emulator and the query thread. */
import type { QueryErrorCode } from './errors'
import type { Completion } from './completion'
import type { QueryResult } from './output'

/** New rows as id and text, and the id of the oldest row that is still stored. */
export interface RowsMessage { type: 'rows', rows: Array<[itemId: number, text: string]> }

/** Which rows a query sees. */
export interface QueryScope {
  /** Milliseconds since 1970. */
  from?: number
  to?: number
  /** Cloud role name. */
  role?: string
}

export interface QueryMessage { type: 'query', id: number, query: string, timeout: number, first: number, scope: QueryScope }

export interface CompleteMessage { type: 'complete', id: number, query: string, position: number }

export type ToWorker = RowsMessage | QueryMessage | CompleteMessage

export interface Failure { code: QueryErrorCode | undefined, message: string, line?: number, column?: number }

/** A query's time starts with its `started` message: by then, all earlier rows have been read. */
export type FromWorker = { id: number } & ({ started: true } | { result: QueryResult } | { completion: Completion } | { failure: Failure })

export interface WorkerData {
  /** Holds the id of the query to stop. */
  stop: Int32Array
}
