/** Memory that both threads see: a batch is written into it once and read when its turn comes, so that neither heap holds it. */
import type { SealedText } from '../pipeline/batch'

// In bytes. Most batches take half of it.
const BLOCK = 128 * 1024
// A text that doesn't fit is cut between two characters, of which none takes more than four bytes.
const LONGEST = BLOCK - 4
// Full load has fewer batches on their way. Memory that isn't written to isn't used.
const BLOCKS = 64

/** Where a text is. */
export interface Place { readonly block: number, readonly bytes: number }

/** Of the main thread, for one worker. */
export class BlockWriter {
  readonly #blocks: Buffer[] = []
  readonly #free: number[] = []
  readonly #share: (memory: SharedArrayBuffer) => void

  /** @param share tells the worker about a new block, before the first text in it */
  constructor (share: (memory: SharedArrayBuffer) => void) {
    this.#share = share
  }

  /** @returns undefined if the text is too large, or all blocks are taken: then a string has to do */
  write (text: string): Place | undefined {
    if (text.length > LONGEST) return undefined
    // The one that was freed last: a service with little to send uses few of them.
    const block = this.#free.pop() ?? this.#add()
    if (block === undefined) return undefined
    const place = { block, bytes: this.#blocks[block].write(text) }
    if (place.bytes <= LONGEST) return place
    this.free(place)
    return undefined
  }

  read (place: Place): string {
    return read(this.#blocks, place)
  }

  /** The worker won't read it again. */
  free ({ block }: Place): void {
    this.#free.push(block)
  }

  #add (): number | undefined {
    if (this.#blocks.length === BLOCKS) return undefined
    const memory = new SharedArrayBuffer(BLOCK)
    this.#share(memory)
    return this.#blocks.push(Buffer.from(memory)) - 1
  }
}

/** Of the worker. */
export class BlockReader {
  readonly #blocks: Buffer[] = []

  add (memory: SharedArrayBuffer): void {
    this.#blocks.push(Buffer.from(memory))
  }

  text (place: Place): SealedText {
    return { length: place.bytes, toString: () => read(this.#blocks, place) }
  }
}

function read (blocks: readonly Buffer[], { block, bytes }: Place): string {
  return blocks[block].toString('utf8', 0, bytes)
}
