/** Counts of one Fastify instance's items by kind: where each of them is now, or how it ended. */

/** The tables of Application Insights. Availability results and page views count as custom events. */
export const KINDS = ['requests', 'dependencies', 'traces', 'exceptions', 'customEvents', 'customMetrics'] as const
export type Kind = typeof KINDS[number]

/** Why an item was given up. */
export const REASONS = [
  'queueFull', 'closed', 'unmapped', 'badRequest', 'unauthorized', 'quota', 'forbidden', 'tooLarge', 'refused',
  'sampledByService', 'storageFull', 'storageFailed', 'expired', 'corrupt', 'takenOver', 'workerDied', 'unpackable'
] as const
export type Reason = typeof REASONS[number]

/** A number per kind, in the order of KINDS. */
export type Counts = number[]

const STATES = ['inFlight', 'delivered', 'retried', 'spooled'] as const
export type State = typeof STATES[number] | Reason

const FIELD = new Map<string, number>([...STATES, ...REASONS].map((name, at) => [name, at]))
const WIDTH = FIELD.size
const HEADER = 8
const BYTES = HEADER + KINDS.length * WIDTH * Float64Array.BYTES_PER_ELEMENT

export interface KindStats {
  /** Everything handed to delivery: the sum of queued, inFlight, spooled, delivered and all that was dropped. */
  recorded: number
  queued: number
  inFlight: number
  delivered: number
  /** Sent more than once, because an attempt failed; not part of the sum. */
  retried: number
  /** On disk now, waiting for the endpoint. */
  spooled: number
  dropped: Partial<Record<Reason, number>>
}

export interface DeliveryStats extends Record<Kind, KindStats> {
  lastError: { message: string, at: Date } | null
  /** Found on disk from processes that ended earlier: not part of this process's sums. */
  inherited: { delivered: number, dropped: number, waiting: number }
}

export function countsOf (): Counts {
  return [0, 0, 0, 0, 0, 0]
}

export function total (counts: Counts): number {
  return counts[0] + counts[1] + counts[2] + counts[3] + counts[4] + counts[5]
}

export function add (target: Counts, more: Counts): void {
  for (let kind = 0; kind < target.length; kind++) target[kind] += more[kind]
}

/**
 * Written by one thread, read by any. Not Int32 with Atomics.add: at 1,000 items a second that overflows after 24 days.
 */
export class Account {
  readonly shared: SharedArrayBuffer
  readonly #version: Int32Array
  readonly #values: Float64Array

  constructor (shared: SharedArrayBuffer = new SharedArrayBuffer(BYTES)) {
    this.shared = shared
    this.#version = new Int32Array(shared, 0, 1)
    this.#values = new Float64Array(shared, HEADER)
  }

  /** No state means: queued, which is what no other state holds. */
  move (counts: Counts, from: State | null, to: State | null): void {
    Atomics.add(this.#version, 0, 1)
    for (let kind = 0; kind < KINDS.length; kind++) {
      if (counts[kind] === 0) continue
      if (from !== null) this.#values[kind * WIDTH + FIELD.get(from)!] -= counts[kind]
      if (to !== null) this.#values[kind * WIDTH + FIELD.get(to)!] += counts[kind]
    }
    Atomics.add(this.#version, 0, 1)
  }

  /** A consistent copy: the writer may be in the middle of a move. */
  read (): Float64Array {
    for (let tries = 0; ; tries++) {
      const before = Atomics.load(this.#version, 0)
      const copy = this.#values.slice()
      // The bound is for a writer that died in the middle of a move.
      if ((before & 1) === 0 && Atomics.load(this.#version, 0) === before) return copy
      if (tries > 10_000) return copy
    }
  }

  inFlight (): Counts {
    return countsIn(this.read(), 'inFlight')
  }

  sum (state: State): number {
    return sumOf(this.read(), state)
  }
}

export function sumOf (values: Float64Array, state: State): number {
  const field = FIELD.get(state)!
  let sum = 0
  for (let at = field; at < values.length; at += WIDTH) sum += values[at]
  return sum
}

export function countsIn (values: Float64Array, state: State): Counts {
  const field = FIELD.get(state)!
  return KINDS.map((_, kind) => values[kind * WIDTH + field])
}

/** Ended, well or badly, or safe on disk: no longer in anyone's memory. */
export function settledIn (values: Float64Array): number {
  let sum = 0
  const inFlight = FIELD.get('inFlight')!
  const retried = FIELD.get('retried')!
  for (let at = 0; at < values.length; at++) {
    const field = at % WIDTH
    if (field !== inFlight && field !== retried) sum += values[at]
  }
  return sum
}

export function droppedIn (values: Float64Array): number {
  let sum = 0
  for (const reason of REASONS) sum += sumOf(values, reason)
  return sum
}

/** `far` is written by the thread that sends, `near` by the one that records. */
export function statsFrom (recorded: Counts, near: Float64Array, far: Float64Array): Record<Kind, KindStats> {
  const stats = {} as Record<Kind, KindStats>
  KINDS.forEach((name, kind) => {
    const value = (state: State): number => near[kind * WIDTH + FIELD.get(state)!] + far[kind * WIDTH + FIELD.get(state)!]
    const dropped: Partial<Record<Reason, number>> = {}
    let gone = 0
    for (const reason of REASONS) {
      const count = value(reason)
      if (count > 0) dropped[reason] = count
      gone += count
    }
    const inFlight = value('inFlight')
    const delivered = value('delivered')
    const spooled = value('spooled')
    stats[name] = {
      recorded: recorded[kind],
      queued: recorded[kind] - inFlight - delivered - spooled - gone,
      inFlight,
      delivered,
      retried: value('retried'),
      spooled,
      dropped
    }
  })
  return stats
}

/** For people: `queueFull 12, quota 3`. */
export function droppedText (...values: Float64Array[]): string {
  const parts: string[] = []
  for (const reason of REASONS) {
    const count = values.reduce((sum, each) => sum + sumOf(each, reason), 0)
    if (count > 0) parts.push(`${reason} ${count}`)
  }
  return parts.join(', ')
}

/** Of a delivery that was never made. */
export function emptyStats (): DeliveryStats {
  const nothing = new Account().read()
  return { ...statsFrom(countsOf(), nothing, nothing), lastError: null, inherited: { delivered: 0, dropped: 0, waiting: 0 } }
}
