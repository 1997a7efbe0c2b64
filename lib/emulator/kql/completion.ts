/** What may be written at a place in a query, and what is wrong with it so far. */

export interface Problem { message: string, start: number, length: number }

export interface Suggestions {
  /** What an item takes the place of. */
  start: number
  length: number
  /** `caret` is a place in `insert`: between the brackets of a function. */
  items: Array<{ text: string, insert: string, caret: number, kind: string }>
}

export interface Completion extends Suggestions { problems: Problem[] }
