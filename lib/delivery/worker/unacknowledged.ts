/** What a worker was given and hasn't acknowledged: this thread keeps it in case the worker dies. */
import type { Counts } from '../counters'
import { BlockWriter, type Place } from './blocks'
import type { Sealed } from './link'

interface Posted { readonly id: number, readonly counts: Counts, readonly sealed: string | Place }

export class Unacknowledged {
  readonly #batches = new Map<number, Posted>()
  readonly #blocks: BlockWriter
  #sequence = 0

  /** @param share tells the worker about a new block */
  constructor (share: (memory: SharedArrayBuffer) => void) {
    this.#blocks = new BlockWriter(share)
  }

  get size (): number {
    return this.#batches.size
  }

  /** @returns what to post */
  add ({ id, counts, sealed }: Sealed): Posted & { sequence: number } {
    const sequence = ++this.#sequence
    const posted: Posted = { id, counts, sealed: this.#blocks.write(sealed) ?? sealed }
    this.#batches.set(sequence, posted)
    return { sequence, ...posted }
  }

  acknowledge (sequence: number): void {
    const sealed = this.#batches.get(sequence)?.sealed
    if (typeof sealed === 'object') this.#blocks.free(sealed)
    this.#batches.delete(sequence)
  }

  /** Oldest first. Their blocks stay taken: the worker may be reading them. */
  takeBack (isOurs: (sequence: number) => boolean = () => true): Sealed[] {
    const back: Sealed[] = []
    for (const [sequence, { id, counts, sealed }] of this.#batches) {
      if (!isOurs(sequence)) continue
      back.push({ id, counts, sealed: typeof sealed === 'string' ? sealed : this.#blocks.read(sealed) })
      this.#batches.delete(sequence)
    }
    return back
  }
}
