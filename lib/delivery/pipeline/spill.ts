/** Batches that can't be sent for now → files. */
import { itemsOf, type Batch } from './batch'
import type { Leases } from './leases'
import type { Storage } from './storage'

// Per file.
export const SPILL_ITEMS = 2_000
const SPILL_CHARACTERS = 4 * 1024 * 1024

export class Spill {
  readonly #storage: Storage | undefined
  readonly #leases: Leases
  readonly #fileItems: number

  /** @param chunk items per body */
  constructor (storage: Storage | undefined, leases: Leases, chunk: number) {
    this.#storage = storage
    this.#leases = leases
    this.#fileItems = Math.min(SPILL_ITEMS, 4 * chunk)
  }

  /** With `last`, what can't be stored is lost. @returns what remains: not matching, or not stored */
  storeMatching (batches: Batch[], matches: (batch: Batch) => boolean, last: boolean): Batch[] {
    return [...this.storeAll(batches.filter(matches), last), ...batches.filter(each => !matches(each))]
  }

  /** Sealed batches of one source share a file. @returns what couldn't be stored */
  storeAll (batches: Batch[], last: boolean): Batch[] {
    const left: Batch[] = []
    while (batches.length > 0) {
      const group = this.#fileful(batches)
      batches = batches.slice(group.length)
      const whole = this.#leases.claim(group)
      if (whole !== undefined && !this.store(whole, last)) left.push(whole)
    }
    return left
  }

  /** @returns whether it has ended */
  store (batch: Batch, last: boolean): boolean {
    if (batch.unchangedOnDisk) this.#leases.leave(batch, true)
    else if (this.#storage?.write(batch) === true) this.#leases.end(batch, 'spooled')
    else if (last) this.#leases.end(batch, this.#storage === undefined ? 'closed' : 'storageFailed')
    else return false
    return true
  }

  /** The leading batches that fit in one file: sealed, unclaimed, and from one source. */
  #fileful ([first, ...others]: Batch[]): Batch[] {
    const group = [first]
    if (first.body !== undefined || first.lease !== undefined) return group
    let characters = lengthOf(first)
    for (const batch of others) {
      if (batch.source !== first.source || batch.lease !== undefined || itemsOf(group) >= this.#fileItems || characters >= SPILL_CHARACTERS) break
      characters += lengthOf(batch)
      group.push(batch)
    }
    return group
  }
}

function lengthOf ({ sealed }: Batch): number {
  return sealed.reduce((sum, text) => sum + text.length, 0)
}
