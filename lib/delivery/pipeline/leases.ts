/** Sealed batches become ours to send or store, and are acknowledged once everything made from them has ended. */
import { total, type State } from '../counters'
import { merge, shift, type Batch, type Lease } from './batch'
import type { Storage } from './storage'

export interface LeaseEvents {
  /** Called before sealed batches are sent or stored. False: someone else has already stored them. */
  claim: (lease: number, sequences: readonly number[]) => boolean
  /** Everything in it was sent, stored or dropped. */
  settled: (lease: number) => void
}

export class Leases {
  readonly #events: LeaseEvents
  readonly #storage: Storage | undefined
  #last = 0

  constructor (events: LeaseEvents, storage: Storage | undefined) {
    this.#events = events
    this.#storage = storage
  }

  /** As one batch. @returns undefined if they are no longer ours */
  claim (batches: Batch[]): Batch | undefined {
    const [first] = batches
    if (first.lease !== undefined) return first
    const sequences = batches.map(batch => batch.sequence)
    const id = ++this.#last
    if (this.#events.claim(id, sequences)) return merge(batches, { id, sequences, file: undefined, open: 1 })
    // The main thread timed out waiting for us, and stored them itself.
    for (const { source, counts } of batches) source.unsettled -= total(counts)
    return undefined
  }

  move (batch: Batch, to: 'inFlight' | null): void {
    if (batch.state === 'spooled') return
    shift(batch.source, batch.counts, batch.state, to, batch.lease)
    batch.state = to
  }

  end (batch: Batch, how: State): void {
    shift(batch.source, batch.counts, batch.state, how, batch.lease)
    this.leave(batch)
  }

  /** When its last batch ends, the whole lease is settled. */
  leave (batch: Batch, keepFile = false): void {
    const lease = batch.lease as Lease
    batch.lease = undefined
    if (--lease.open > 0) return
    this.#storage?.settle(lease, keepFile)
    this.#events.settled(lease.id)
  }

  /** Back to its file, which still holds it; not read before `notBefore`. */
  putBack (batch: Batch, notBefore: number): void {
    this.#storage?.postpone(batch.lease as Lease, notBefore)
    this.leave(batch, true)
  }
}
