/** Accepted rows → a bounded store, newest last, that can be queried and listened to. */
import { findings } from './health'
import { toRow } from './columns'
import type { Envelope, Row } from './rows'

/** A telemetry item, and the text it is stored as. */
export interface Item {
  /** Parsed from the text if absent. */
  envelope?: Envelope
  text: string
  /** Size of the text, in bytes. */
  size: number
}

/** What is stored per row: the columns for lists and sums, and the envelope as text, which takes a quarter of an object's memory. */
export type Kept = Pick<Row, 'type' | 'itemId' | 'name' | 'message' | 'resultCode' | 'success' | 'duration' | 'severityLevel' |
  'exceptionType' | 'problemId' | 'value' | 'valueCount' | 'dependencyType' | 'target' | 'id' | 'operation_Id' | 'operation_ParentId' | 'operation_Name' |
  'cloud_RoleName' | 'itemCount'> & {
    /** Milliseconds since 1970. */
    time: number
    /** The user: signed in, or else the anonymous id. */
    user?: string
    /** What Azure would do to it, as `verdict: reason`, if anything. */
    flags?: string[]
    text: string
    /** Memory used by the text, in bytes. */
    size: number
  }

export interface StoreOptions {
  maxRows: number
  maxBytes: number
}

/** Lists show no more of a message than this. */
const LINE = 300
/** Health messages that rows share, so that we don't store a hundred thousand copies of one. */
const MAX_SENTENCES = 1_000

export class Store {
  readonly #maxRows: number
  readonly #maxBytes: number
  // Rows are removed from the front: `#gone` counts them until compacting the array pays off.
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

  /** Rows replayed from a file are not compared with today's clock. */
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

  /** Deletes every row. Ids continue counting. */
  clear (): void {
    this.#kept = []
    this.#gone = this.#bytes = this.#dropped = 0
    this.#roles.clear()
    for (const listener of [...this.#listeners]) listener([])
  }

  /** The stored rows, oldest first. */
  * records (from = 0): Generator<Kept> {
    for (let index = this.#gone + Math.max(0, from); index < this.#kept.length; index++) yield this.#kept[index]
  }

  /** The row with this id, if it is still stored. */
  record (itemId: number): Kept | undefined {
    return this.#kept[this.#gone + itemId - this.first]
  }

  row (record: Kept): Row {
    return toRow(JSON.parse(record.text) as Envelope, record.itemId)
  }

  /** Calls the listener with the rows of each post once stored, or with none after a clear. Returns a function that stops it. */
  listen (listener: (rows: Row[]) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  get size () { return this.#kept.length - this.#gone }
  get bytes () { return this.#bytes }
  get roles () { return [...this.#roles.keys()].slice(0, 100).sort() }
  get dropped () { return this.#dropped }
  /** Id of the oldest stored row; if there is none, the next row's. */
  get first () { return this.#kept[this.#gone]?.itemId ?? this.#next }
  /** Id of the newest row ever stored, 0 before the first. */
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
    // One character beyond Latin 1 doubles the size of the whole string.
    size: size > text.length ? Math.max(size, text.length * 2) : size
  }
}

function cut (text: string | undefined): string | undefined {
  return text !== undefined && text.length > LINE ? `${text.slice(0, LINE)}…` : text
}
