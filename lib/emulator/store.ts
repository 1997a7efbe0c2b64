/** Accepted rows → a bounded memory of them, newest last, that can be asked and listened to. */
import { findings } from './health'
import { toRow } from './columns'
import type { Envelope, Row } from './rows'

/** A telemetry item, and the text that it is kept as. */
export interface Item {
  /** Parsed from the text where it is absent. */
  envelope?: Envelope
  text: string
  /** Of the text, in bytes. */
  size: number
}

/** What is kept per row: the columns that lists and sums need, and the envelope as text, a quarter of an object's memory. */
export type Kept = Pick<Row, 'type' | 'itemId' | 'name' | 'message' | 'resultCode' | 'success' | 'duration' | 'severityLevel' |
  'exceptionType' | 'problemId' | 'value' | 'valueCount' | 'dependencyType' | 'target' | 'id' | 'operation_Id' | 'operation_ParentId' | 'operation_Name' |
  'cloud_RoleName' | 'itemCount'> & {
    /** Milliseconds since 1970. */
    time: number
    /** Who asked: signed in or, without that, the anonymous id. */
    user?: string
    /** What Azure would do to it, as `verdict: reason`, where there is anything. */
    flags?: string[]
    text: string
    /** What the text takes in memory, in bytes. */
    size: number
  }

export interface StoreOptions {
  maxRows: number
  maxBytes: number
}

/** A list line needs no more of a message than this. */
const LINE = 300
/** Sentences of Health that rows share: a hundred thousand copies of one are not kept. */
const MAX_SENTENCES = 1_000

export class Store {
  readonly #maxRows: number
  readonly #maxBytes: number
  // Rows leave at the front: `#gone` counts them until the array is worth compacting.
  #kept: Kept[] = []
  #gone = 0
  #bytes = 0
  #next = 1
  #dropped = 0
  readonly #roles = new Map<string, number>()
  readonly #sentences = new Map<string, string>()
  readonly #listeners = new Set<(rows: Row[]) => void>()

  constructor ({ maxRows, maxBytes }: StoreOptions) {
    this.#maxRows = maxRows
    this.#maxBytes = maxBytes
  }

  /** Rows that are replayed from a file are not judged by today's clock. */
  add (items: Item[], { replayed = false } = {}): Row[] {
    const now = Date.now()
    const rows = items.map(({ envelope: parsed, text, size }) => {
      const envelope = parsed ?? JSON.parse(text) as Envelope
      const row = toRow(envelope, this.#next++)
      const kept = keep(row, text, size, this.#flags(envelope, size, replayed ? Date.parse(row.timestamp) : now))
      this.#kept.push(kept)
      this.#bytes += kept.size
      this.#count(kept.cloud_RoleName, 1)
      return row
    })
    this.#makeRoom()
    if (rows.length > 0) for (const listener of [...this.#listeners]) listener(rows)
    return rows
  }

  /** Forgets every row. Places in the order of arrival go on counting. */
  clear (): void {
    this.#kept = []
    this.#gone = this.#bytes = this.#dropped = 0
    this.#roles.clear()
    for (const listener of [...this.#listeners]) listener([])
  }

  /** What is kept, oldest first. */
  * records (from = 0): Generator<Kept> {
    for (let index = this.#gone + Math.max(0, from); index < this.#kept.length; index++) yield this.#kept[index]
  }

  /** The row with this place in the order of arrival, while it is kept. */
  record (itemId: number): Kept | undefined {
    return this.#kept[this.#gone + itemId - this.first]
  }

  row (record: Kept): Row {
    return toRow(JSON.parse(record.text) as Envelope, record.itemId)
  }

  /** Calls back with the rows of each post as they are kept, with none after a clear. Returns how to stop. */
  listen (listener: (rows: Row[]) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  get size () { return this.#kept.length - this.#gone }
  get bytes () { return this.#bytes }
  get roles () { return [...this.#roles.keys()].slice(0, 100).sort() }
  get dropped () { return this.#dropped }
  /** Place of the oldest row that is kept; that of the next to come where there is none. */
  get first () { return this.#kept[this.#gone]?.itemId ?? this.#next }
  /** Place of the newest row that ever came, 0 before it. */
  get last () { return this.#next - 1 }

  #makeRoom (): void {
    while (this.size > this.#maxRows || (this.#bytes > this.#maxBytes && this.size > 1)) {
      const oldest = this.#kept[this.#gone]
      this.#bytes -= oldest.size
      this.#count(oldest.cloud_RoleName, -1)
      this.#gone++
      this.#dropped++
    }
    if (this.#gone > 1_000 && this.#gone * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#gone)
      this.#gone = 0
    }
  }

  #count (role: string | undefined, by: 1 | -1): void {
    if (role === undefined) return
    const left = (this.#roles.get(role) ?? 0) + by
    if (left > 0) this.#roles.set(role, left)
    else this.#roles.delete(role)
  }

  #flags (envelope: Envelope, size: number, received: number): string[] | undefined {
    const found = findings(envelope, size, received)
    if (found.length === 0) return undefined
    return found.slice(0, 10).map(({ verdict, reason }) => {
      const sentence = `${verdict}: ${reason}`
      const known = this.#sentences.get(sentence)
      if (known !== undefined) return known
      if (this.#sentences.size < MAX_SENTENCES) this.#sentences.set(sentence, sentence)
      return sentence
    })
  }
}

function keep (row: Row, text: string, size: number, flags: string[] | undefined): Kept {
  return {
    type: row.type,
    itemId: row.itemId,
    time: Date.parse(row.timestamp),
    name: cut(row.name),
    message: cut(row.message),
    resultCode: row.resultCode,
    success: row.success,
    duration: row.duration,
    severityLevel: row.severityLevel,
    exceptionType: cut(row.exceptionType),
    problemId: cut(row.problemId),
    value: row.value,
    valueCount: row.valueCount,
    dependencyType: row.dependencyType,
    target: cut(row.target),
    id: row.id,
    operation_Id: row.operation_Id,
    operation_ParentId: row.operation_ParentId,
    operation_Name: cut(row.operation_Name),
    cloud_RoleName: cut(row.cloud_RoleName),
    itemCount: row.itemCount,
    user: row.user_AuthenticatedId ?? row.user_Id,
    flags,
    text,
    // One character beyond Latin 1 doubles what all of them take.
    size: size > text.length ? Math.max(size, text.length * 2) : size
  }
}

function cut (text: string | undefined): string | undefined {
  return text !== undefined && text.length > LINE ? `${text.slice(0, LINE)}…` : text
}
