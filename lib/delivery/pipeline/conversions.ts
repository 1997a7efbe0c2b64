/** Sealed batches → bodies that are ready to send, one conversion at a time. */
import { monotonic } from '../../clock'
import { isSameCounts, total, type Counts } from '../counters'
import { createBatch, itemsOf, shift, type Batch } from './batch'
import type { Counted } from './bodies'
import type { CircuitBreaker } from './circuit-breaker'
import { ExporterUnavailable, type Converter } from './convert'
import type { Leases } from './leases'

export interface ConversionEvents {
  notice: (message: string) => void
  attempt: () => number
  attemptFailed: (attempt: number) => void
  ready: (batch: Batch) => void
  /** There is room for another one. */
  done: () => void
}

export class Conversions {
  /** Batches from memory and from files. */
  queue: Batch[] = []
  fromDisk: Batch[] = []
  /** What is being converted. */
  current: Batch[] = []
  readonly #converter: Converter
  readonly #breaker: CircuitBreaker
  readonly #leases: Leases
  readonly #timing: { chunk: number, gather: number }
  readonly #events: ConversionEvents
  #failures = 0
  #notBefore = 0
  #stopped = false

  constructor (converter: Converter, breaker: CircuitBreaker, leases: Leases, timing: { chunk: number, gather: number }, events: ConversionEvents) {
    this.#converter = converter
    this.#breaker = breaker
    this.#leases = leases
    this.#timing = timing
    this.#events = events
  }

  /** When the next one is due, on the monotonic clock; Infinity if there is none, or one is in progress. */
  due (isUrgent: boolean): number {
    if (this.current.length > 0 || this.fromDisk.length + this.queue.length === 0) return Infinity
    return this.fromDisk.length > 0 ? this.#notBefore : Math.max(this.#notBefore, isUrgent ? 0 : this.#gathersUntil())
  }

  async next (): Promise<void> {
    await this.#convert(this.fromDisk.length > 0 ? this.fromDisk.splice(0, 1) : this.#gather())
  }

  /** Someone is waiting: postpone nothing. */
  hurry (): void {
    this.#notBefore = 0
  }

  /** Abandons the conversion and returns its batches to the caller. */
  abandon (): Batch[] {
    const batches = this.current
    this.current = []
    for (const batch of batches) batch.abandoned.abort()
    return batches
  }

  stop (): void {
    this.#stopped = true
  }

  /** One large body is cheaper to make and to send than several small ones. */
  #gathersUntil (): number {
    return itemsOf(this.queue) >= this.#timing.chunk ? 0 : this.queue[0].since + this.#timing.gather
  }

  /** Takes the batches for one conversion: from one source, and all claimed or all unclaimed. */
  #gather (): Batch[] {
    const [first] = this.queue
    if (first.lease !== undefined) return this.queue.splice(0, 1)
    let items = 0
    let count = 0
    for (const { source, lease, counts } of this.queue) {
      items += total(counts)
      if (source !== first.source || lease !== undefined || (count > 0 && items > this.#timing.chunk)) break
      count++
    }
    return this.queue.splice(0, count)
  }

  async #convert (batches: Batch[]): Promise<void> {
    this.current = batches
    const [{ resource, abandoned }] = batches
    const attempt = this.#events.attempt()
    const isObsolete = (): boolean => abandoned.signal.aborted || this.#stopped
    try {
      const { bodies, counts } = await this.#converter.bodies(batches.flatMap(batch => batch.sealed), resource)
      this.#failures = 0
      if (!isObsolete()) this.#converted(batches, bodies, counts)
    } catch (error) {
      if (isObsolete()) return
      if (error instanceof ExporterUnavailable) return this.#postpone(batches, error, attempt)
      this.#events.notice(`a batch could not be read: ${(error as Error).message}`)
      const whole = this.#leases.claim(batches)
      if (whole !== undefined) this.#leases.end(whole, whole.state === 'spooled' ? 'corrupt' : 'unmapped')
    } finally {
      if (this.current === batches) this.current = []
      this.#events.done()
    }
  }

  #converted (batches: Batch[], bodies: Counted[], counts: Counts): void {
    const whole = this.#leases.claim(batches)
    if (whole === undefined) return
    const { source, state, since, lease } = whole
    if (state === 'spooled' && !isSameCounts(counts, whole.counts)) return this.#leases.end(whole, 'corrupt')
    // Bodies may hold fewer items than went in: the exporter makes no row for some.
    const missing = [...whole.counts]
    for (const { counts } of bodies) for (let kind = 0; kind < missing.length; kind++) missing[kind] -= counts[kind]
    if (missing.some(count => count !== 0)) shift(source, missing, state, 'unmapped', lease)
    lease!.open += bodies.length
    for (const { body, counts } of bodies) this.#events.ready(createBatch(source, counts, { body }, { state, since, lease }))
    this.#leases.leave(whole)
  }

  /** The exporter couldn't be loaded: treat it like an outage. */
  #postpone (batches: Batch[], { message }: ExporterUnavailable, attempt: number): void {
    const now = monotonic()
    this.#events.notice(message)
    this.#breaker.recordFailure(now, undefined)
    this.#notBefore = now + this.#breaker.backoff(++this.#failures)
    if (batches[0].unchangedOnDisk) this.#leases.putBack(batches[0], this.#notBefore)
    else this.queue.unshift(...batches)
    this.#events.attemptFailed(attempt)
  }
}
