/** A match → the rows that match, now and later. */
import type { RefusedItem } from './health'
import { line, printable } from './line'
import { describe, matches, type Match } from './match'
import type { Row } from './rows'
import type { Store } from './store'
import type { Post } from './track'

export interface WaitOptions {
  /** Milliseconds. @default 5000 */
  timeout?: number
}

/** Rows, posts and rejected items listed in a failure message. */
const SHOWN = 40
const SHOWN_POSTS = 10

export class Waiting {
  readonly #store: Store
  readonly #posts: () => readonly Post[]
  readonly #refused: () => readonly RefusedItem[]
  readonly #waiting = new Set<(when: string) => void>()

  constructor (store: Store, posts: () => readonly Post[], refused: () => readonly RefusedItem[]) {
    this.#store = store
    this.#posts = posts
    this.#refused = refused
  }

  items (match: Match): Row[] {
    const wanted = typeof match === 'object' && typeof match.type === 'string' ? match.type : undefined
    const found: Row[] = []
    for (const record of this.#store.records()) {
      // Checking the kind is cheaper than parsing the row.
      if (wanted !== undefined && record.type !== wanted) continue
      const row = this.#store.row(record)
      if (matches(row, match)) found.push(row)
    }
    return found
  }

  waitFor (match: Match, { timeout = 5_000, count }: WaitOptions & { count?: number } = {}): Promise<Row | Row[]> {
    const asked = new Error()
    Error.captureStackTrace(asked, this.waitFor)
    const waited = new Promise<Row | Row[]>((resolve, reject) => {
      const found = this.items(match)
      const needed = count ?? 1
      const answer = () => { resolve(count === undefined ? found[0] : found.slice(0, count)) }
      if (found.length >= needed) return answer()

      const fail = (when: string): void => {
        end()
        reject(this.#timedOut(asked, match, found.length, needed, when))
      }
      const timer = setTimeout(() => fail(`within ${timeout} ms`), timeout)
      const unlisten = this.#store.listen(rows => {
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
      this.#waiting.add(fail)
      const end = (): void => {
        clearTimeout(timer)
        unlisten()
        this.#waiting.delete(fail)
      }
    })
    // A test may send its requests before it awaits: an earlier rejection must reach the await, not end the process.
    waited.catch(() => {})
    return waited
  }

  /** Rejects all pending waits. */
  end (when: string): void {
    for (const fail of [...this.#waiting]) fail(when)
  }

  #timedOut (asked: Error, match: Match, found: number, needed: number, when: string): Error {
    asked.message = [
      `${needed === 1 ? 'No row' : `Only ${found} of ${needed} rows`} matched ${describe(match)} ${when}.`,
      this.#arrived()
    ].join('\n')
    asked.stack = asked.stack?.replace(/^Error\n/, () => `Error: ${asked.message}\n`)
    return Object.assign(asked, { code: 'FAI_EMULATOR_TIMEOUT' })
  }

  /** For a failure message: what arrived instead. */
  #arrived (): string {
    const { size } = this.#store
    const posts = this.#posts()
    const lines = [...this.#store.records(Math.max(0, size - SHOWN))].map(record => `  ${line(record)}`)
    if (size > SHOWN) lines.unshift(`  … ${size - SHOWN} more before`)
    const notTaken = posts.filter(post => post.status >= 300 || post.status === 0)
    const refused = this.#refused().slice(-SHOWN_POSTS)
    return [
      size === 0 ? 'No rows arrived.' : `${size} ${size === 1 ? 'row' : 'rows'} arrived:`,
      ...lines,
      `${posts.length} ${posts.length === 1 ? 'post' : 'posts'} came${notTaken.length === 0 ? '.' : `, not taken: ${notTaken.slice(-SHOWN_POSTS).map(post => `${post.status || 'no answer'} (${post.items} items)`).join(', ')}.`}`,
      ...refused.map(({ statusCode, message }) => `Refused: ${statusCode} ${printable(message)}`)
    ].join('\n')
  }
}
