/** Completions at a position in a query, and the errors so far. */

export interface Problem { message: string, start: number, length: number }

export interface Suggestions {
  /** Start of the text that an item replaces. */
  start: number
  length: number
  /** `caret` is a position in `insert`: between a function's parentheses. */
  items: Array<{ text: string, insert: string, caret: number, kind: string }>
}

export interface Completion extends Suggestions { problems: Problem[] }
