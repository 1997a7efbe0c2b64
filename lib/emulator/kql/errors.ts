/** Query errors, with a code and, if known, a position in the query's text. */

export type QueryErrorCode =
  /** The query is wrong: a syntax error, an unknown column, a wrong type. */
  'FAI_KQL_INVALID' |
  /** Valid KQL that this engine doesn't support. The message names it. */
  'FAI_KQL_UNSUPPORTED' |
  /** The time limit was reached. */
  'FAI_KQL_TIMEOUT' |
  /** The client disconnected, or the emulator was closed. */
  'FAI_KQL_CANCELLED' |
  /** The query needed more rows or memory than allowed. */
  'FAI_KQL_LIMIT' |
  /** The package with the parser is missing. */
  'FAI_KQL_NOT_INSTALLED'

export class QueryError extends Error {
  readonly code: QueryErrorCode
  /** Starting at 1, in the query's text. */
  line?: number
  column?: number

  constructor (code: QueryErrorCode, message: string, place?: { line: number, column: number }) {
    super(place === undefined ? message : `${message} (line ${place.line}, column ${place.column})`)
    this.name = 'QueryError'
    this.code = code
    if (place !== undefined) Object.assign(this, place)
  }
}

/** A name of no table, which `union isfuzzy=true` passes over. */
export class UnknownTable extends QueryError {}

export function invalid (message: string, place?: { line: number, column: number }): QueryError {
  return new QueryError('FAI_KQL_INVALID', message, place)
}

export function unsupported (what: string, place?: { line: number, column: number }): QueryError {
  return new QueryError('FAI_KQL_UNSUPPORTED', `${what} is not supported by the emulator`, place)
}
