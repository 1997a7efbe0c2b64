/** Counts one Fastify instance's items by kind: where each of them is now, or how it ended. */

/** The tables of Application Insights. Availability results and page views count as custom events. */
export const KINDS = ['requests', 'dependencies', 'traces', 'exceptions', 'customEvents', 'customMetrics'] as const
export type Kind = typeof KINDS[number]

/** Why an item was dropped. */
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

export interface KindStats {
  /** Everything handed to delivery: the sum of queued, inFlight, spooled, delivered and all dropped items. */
  recorded: number
  queued: number
  inFlight: number
  delivered: number
  /** Sent more than once because an attempt failed; not part of the sum. */
  retried: number
  /** On disk now, waiting for the endpoint. */
  spooled: number
  dropped: Partial<Record<Reason, number>>
}

export interface DeliveryStats extends Record<Kind, KindStats> {
  lastError: { message: string, at: Date } | null
  /** Found on disk from processes that ended earlier; not part of this process's sums. */
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

export function isSameCounts (one: Counts, other: Counts): boolean {
  return one.every((count, kind) => count === other[kind])
}

export class Counters {
  /** Items that were delivered, dropped or stored: no longer in memory. */
  settled = 0
  readonly #values = new Float64Array(KINDS.length * WIDTH)

  /** A null state means queued: not in any other state. */
  move (counts: Counts, from: State | null, to: State | null): void {
    for (let kind = 0; kind < KINDS.length; kind++) {
      if (counts[kind] === 0) continue
      if (from !== null) this.#values[kind * WIDTH + FIELD.get(from)!] -= counts[kind]
      if (to !== null) this.#values[kind * WIDTH + FIELD.get(to)!] += counts[kind]
    }
    this.settled += total(counts) * (Number(isSettled(to)) - Number(isSettled(from)))
  }

  counts (state: State): Counts {
    const field = FIELD.get(state)!
    return KINDS.map((_, kind) => this.#values[kind * WIDTH + field])
  }

  sum (state: State): number {
    const field = FIELD.get(state)!
    let sum = 0
    for (let at = field; at < this.#values.length; at += WIDTH) sum += this.#values[at]
    return sum
  }

  dropped (): number {
    let sum = 0
    for (const reason of REASONS) sum += this.sum(reason)
    return sum
  }

  /** For people: `queueFull 12, quota 3`. */
  droppedText (): string {
    return REASONS.filter(reason => this.sum(reason) > 0).map(reason => `${reason} ${this.sum(reason)}`).join(', ')
  }

  /** The part of `recorded` that is not yet sent, stored or lost. */
  unsettled (recorded: Counts): Counts {
    return Object.values(this.stats(recorded)).map(kind => kind.queued + kind.inFlight)
  }

  stats (recorded: Counts): Record<Kind, KindStats> {
    return Object.fromEntries(KINDS.map((name, kind) => [name, this.#kindStats(kind, recorded[kind])])) as Record<Kind, KindStats>
  }

  #kindStats (kind: number, recorded: number): KindStats {
    const value = (state: State): number => this.#values[kind * WIDTH + FIELD.get(state)!]
    const dropped: Partial<Record<Reason, number>> = {}
    let queued = recorded
    for (const reason of REASONS) {
      if (value(reason) > 0) dropped[reason] = value(reason)
      queued -= value(reason)
    }
    const [inFlight, delivered, retried, spooled] = STATES.map(value)
    return { recorded, queued: queued - inFlight - delivered - spooled, inFlight, delivered, retried, spooled, dropped }
  }
}

function isSettled (state: State | null): boolean {
  return state !== null && state !== 'inFlight' && state !== 'retried'
}

/** For an instance without delivery. */
export function emptyStats (): DeliveryStats {
  return { ...new Counters().stats(countsOf()), lastError: null, inherited: { delivered: 0, dropped: 0, waiting: 0 } }
}
