/** Accepted rows → a bounded memory of them, newest last, that can be asked and listened to. */
import { findings } from './health'
import { toRow, type Envelope, type Row } from './rows'

/** A telemetry item, and the text that it is kept as. */
export interface Item {
  envelope: Envelope
  text: string
}

/** What is kept per row: the columns that lists and sums need, and the envelope as text, a quarter of an object's memory. */
export type Kept = Pick<Row, 'type' | 'itemId' | 'name' | 'message' | 'resultCode' | 'success' | 'duration' | 'severityLevel' |
  'exceptionType' | 'value' | 'dependencyType' | 'target' | 'id' | 'operation_Id' | 'operation_ParentId' | 'operation_Name' |
  'cloud_RoleName' | 'itemCount'> & {
    /** Milliseconds since 1970. */
    time: number
    /** What Azure would do to it, as `verdict: reason`, where there is anything. */
    flags?: string[]
    text: string
  }

export interface StoreOptions {
  maxRows: number
  maxBytes: number
}

export type Store = ReturnType<typeof createStore>

/** A list line needs no more of a message than this. */
const LINE = 300

export function createStore ({ maxRows, maxBytes }: StoreOptions) {
  // Rows leave at the front: `gone` counts them until the array is worth compacting.
  let kept: Kept[] = []
  let gone = 0
  let bytes = 0
  let next = 1
  let dropped = 0
  const roles = new Map<string, number>()
  // Rows share their flags: a hundred thousand copies of one sentence are not kept.
  const sentences = new Map<string, string>()
  const listeners = new Set<(rows: Row[]) => void>()

  /** Rows that are replayed from a file are not judged by today's clock. */
  function add (items: Item[], { replayed = false } = {}): Row[] {
    const now = Date.now()
    const rows = items.map(({ envelope, text }) => {
      const row = toRow(envelope, next++)
      kept.push(keep(row, text, flags(envelope, text.length, replayed ? Date.parse(row.timestamp) : now)))
      bytes += text.length
      count(cut(row.cloud_RoleName), 1)
      return row
    })
    while (kept.length - gone > maxRows || (bytes > maxBytes && kept.length - gone > 1)) {
      bytes -= kept[gone].text.length
      count(kept[gone].cloud_RoleName, -1)
      gone++
      dropped++
    }
    if (gone > 1_000 && gone * 2 > kept.length) {
      kept = kept.slice(gone)
      gone = 0
    }
    if (rows.length > 0) for (const listener of [...listeners]) listener(rows)
    return rows
  }

  function count (role: string | undefined, by: 1 | -1): void {
    if (role === undefined) return
    const left = (roles.get(role) ?? 0) + by
    if (left > 0) roles.set(role, left)
    else roles.delete(role)
  }

  function flags (envelope: Envelope, size: number, received: number): string[] | undefined {
    const found = findings(envelope, size, received)
    if (found.length === 0) return undefined
    return found.slice(0, 10).map(({ verdict, reason }) => {
      const sentence = `${verdict}: ${reason}`
      const known = sentences.get(sentence)
      if (known !== undefined) return known
      if (sentences.size < 1_000) sentences.set(sentence, sentence)
      return sentence
    })
  }

  return {
    add,

    /** Forgets every row. Places in the order of arrival go on counting. */
    clear (): void {
      kept = []
      gone = bytes = dropped = 0
      roles.clear()
      for (const listener of [...listeners]) listener([])
    },

    /** What is kept, oldest first. */
    * records (from = 0): Generator<Kept> {
      for (let index = gone + Math.max(0, from); index < kept.length; index++) yield kept[index]
    },

    /** The row with this place in the order of arrival, while it is kept. */
    record (itemId: number): Kept | undefined {
      const first = kept[gone]?.itemId ?? next
      return kept[gone + itemId - first]
    },

    row (record: Kept): Row {
      return toRow(JSON.parse(record.text) as Envelope, record.itemId)
    },

    /** Calls back with the rows of each post as they are kept, with none after a clear. Returns how to stop. */
    listen (listener: (rows: Row[]) => void): () => void {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    },

    get size () { return kept.length - gone },
    get bytes () { return bytes },
    get roles () { return [...roles.keys()].slice(0, 100).sort() },
    get dropped () { return dropped },
    /** Place of the oldest row that is kept; that of the next to come where there is none. */
    get first () { return kept[gone]?.itemId ?? next },
    /** Place of the newest row that ever came, 0 before it. */
    get last () { return next - 1 }
  }
}

function keep (row: Row, text: string, flags: string[] | undefined): Kept {
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
    value: row.value,
    dependencyType: row.dependencyType,
    target: cut(row.target),
    id: row.id,
    operation_Id: row.operation_Id,
    operation_ParentId: row.operation_ParentId,
    operation_Name: cut(row.operation_Name),
    cloud_RoleName: cut(row.cloud_RoleName),
    itemCount: row.itemCount,
    flags,
    text
  }
}

function cut (text: string | undefined): string | undefined {
  return text !== undefined && text.length > LINE ? `${text.slice(0, LINE)}…` : text
}
