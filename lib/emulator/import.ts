/** A saved export, streamed → rows. Never in memory as a whole, however long it is. */
import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error'
import { readItem, type ItemError, type TrackAnswer } from './ingestion'
import { itemOf, itemsOf, MAX_ITEM } from './items'
import { POST } from './limits'
import type { Item, Store } from './store'

const MAX_IMPORT = 200_000_000
/** Reasons that are listed; the rest are only counted. */
const MAX_ERRORS = 100
/** Rows stored at a time, in bytes of their JSON. */
const SLICE = 1_000_000
const NEWLINE = 0x0a

/**
 * One envelope a line, or a JSON array of at most 10 MB. Rows that Azure would reject are kept, and Health says so.
 * @throws HttpError 400, 413
 */
export async function importRows (request: IncomingMessage, store: Store): Promise<TrackAnswer> {
  const taken = new Taken(store)
  let rest: Buffer = Buffer.alloc(0)
  let size = 0
  let isArray: boolean | undefined
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_IMPORT) throw new HttpError(413, `The file is larger than ${MAX_IMPORT / 1_000_000} MB`)
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    isArray ??= isArrayStart(rest)
    if (isArray !== false) {
      if (rest.length > POST) throw new HttpError(413, `A JSON array may have ${POST / 1_000_000} MB: one item a line may have more`)
      continue
    }
    rest = takeLines(rest, taken)
    if (rest.length > MAX_ITEM) throw new HttpError(413, `A line is longer than ${MAX_ITEM / 1_000} kB`)
  }
  if (isArray === false) taken.add(itemOf(rest, 0, rest.length))
  else for (const item of itemsOf(rest)) taken.add(item)
  return taken.end()
}

/** undefined if there is only white space so far. */
function isArrayStart (text: Buffer): boolean | undefined {
  const start = text.toString('utf8', 0, 1_000).replace(/^\uFEFF/, '').trimStart()
  return start === '' ? undefined : start.startsWith('[')
}

/** Returns the incomplete last line. */
function takeLines (text: Buffer, taken: Taken): Buffer {
  let start = 0
  for (let end = text.indexOf(NEWLINE); end !== -1; end = text.indexOf(NEWLINE, start)) {
    taken.add(itemOf(text, start, end))
    start = end + 1
  }
  return text.subarray(start)
}

class Taken {
  readonly #store: Store
  readonly #errors: ItemError[] = []
  #received = 0
  #accepted = 0
  #items: Item[] = []
  #size = 0

  constructor (store: Store) {
    this.#store = store
  }

  add (item: unknown): void {
    if (item === undefined) return
    const index = this.#received++
    const read = readItem(item, true)
    if (typeof read === 'string') {
      if (this.#errors.length < MAX_ERRORS) this.#errors.push({ index, statusCode: 400, message: read })
      return
    }
    this.#accepted++
    this.#items.push(read)
    this.#size += read.size
    if (this.#size > SLICE) this.#handOn()
  }

  /** @throws HttpError 400 if no row was valid */
  end (): TrackAnswer {
    this.#handOn()
    if (this.#accepted === 0) throw new HttpError(400, 'The file holds no telemetry items: expected one a line, as JSON')
    return { itemsReceived: this.#received, itemsAccepted: this.#accepted, errors: this.#errors }
  }

  #handOn (): void {
    if (this.#items.length > 0) this.#store.add(this.#items, { replayed: true })
    this.#items = []
    this.#size = 0
  }
}
