/** The operations that have started but not ended. */
import type { Operation } from './operation'

/**
 * A list through the operations themselves. V8 makes a new table for a Set every few additions and deletions, and makes it
 * in the old generation, which only a full garbage collection frees.
 */
export class OpenOperations {
  #newest: Operation | undefined = undefined
  #size = 0

  get size (): number {
    return this.#size
  }

  /** @param operation that is not in the list */
  add (operation: Operation): void {
    operation.older = this.#newest
    if (this.#newest !== undefined) this.#newest.newer = operation
    this.#newest = operation
    this.#size++
  }

  /** @returns whether it was in the list */
  delete (operation: Operation): boolean {
    const { newer, older } = operation
    if (newer === undefined && this.#newest !== operation) return false
    if (newer === undefined) this.#newest = older
    else newer.older = older
    if (older !== undefined) older.newer = newer
    operation.newer = operation.older = undefined
    this.#size--
    return true
  }

  /** A copy, the oldest first: what is done with one of them may end others. */
  all (): Operation[] {
    const found: Operation[] = []
    for (let each = this.#newest; each !== undefined; each = each.older) found.push(each)
    return found.reverse()
  }
}
