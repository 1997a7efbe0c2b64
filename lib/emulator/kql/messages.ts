/** What the emulator and the thread that runs queries say to each other. */
import type { QueryErrorCode } from './errors'
import type { Completion } from './completion'
import type { QueryResult } from './output'

/** Rows that are new, as their place in the order of arrival and their text, and the oldest one that is still kept. */
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

/** The time of a query begins when it says that it has been started: all rows before it have been read by then. */
export type FromWorker = { id: number } & ({ started: true } | { result: QueryResult } | { completion: Completion } | { failure: Failure })

export interface WorkerData {
  /** Holds the id of a query that is to stop. */
  stop: Int32Array
}
