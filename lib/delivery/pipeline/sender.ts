/** Bodies → the endpoint, as many at a time as it takes, retried if it refuses them for now. */
import { monotonic } from '../../clock'
import type { Outcome } from '../http/answer'
import type { Transport } from '../http/transport'
import { createBatch, shift, type Batch } from './batch'
import type { CircuitBreaker } from './circuit-breaker'
import type { Leases } from './leases'
import { answered, type Answered } from './responses'

export interface SenderEvents {
  notice: (message: string) => void
  warnOnce: (message: string) => void
  /** A number for an attempt that starts now. */
  attempt: () => number
  attemptFailed: (attempt: number) => void
  /** There is room for another one. */
  done: () => void
  internalError: (error: unknown) => void
}

export class Sender {
  /** Bodies waiting to be sent. */
  ready: Batch[] = []
  readonly inFlight = new Set<Batch>()
  readonly #transport: Transport
  readonly #breaker: CircuitBreaker
  readonly #leases: Leases
  readonly #parallel: number
  readonly #events: SenderEvents
  #stopped = false

  constructor (transport: Transport, breaker: CircuitBreaker, leases: Leases, parallel: number, events: SenderEvents) {
    this.#transport = transport
    this.#breaker = breaker
    this.#leases = leases
    this.#parallel = parallel
    this.#events = events
  }

  /** After failures, only one request at a time. */
  get hasRoom (): boolean {
    return this.inFlight.size < (this.#breaker.isTripped ? 1 : this.#parallel)
  }

  /** @returns when the next postponed body is due */
  sendReady (): number {
    const now = monotonic()
    let due = Infinity
    for (let at = 0; at < this.ready.length && this.hasRoom;) {
      if (this.ready[at].notBefore > now) due = Math.min(due, this.ready[at++].notBefore)
      else this.#send(...this.ready.splice(at, 1) as [Batch])
    }
    return due
  }

  /** Someone is waiting: postpone nothing. */
  hurry (): void {
    for (const batch of this.ready) {
      batch.notBefore = 0
      batch.attempts = Math.min(batch.attempts, 1)
    }
  }

  /** Abandons the request and returns the batch to the caller. */
  abandon (batch: Batch): void {
    batch.abandoned.abort()
    this.inFlight.delete(batch)
  }

  stop (): void {
    this.#stopped = true
    for (const batch of this.inFlight) batch.abandoned.abort()
    this.#transport.close()
  }

  #send (batch: Batch): void {
    this.inFlight.add(batch)
    if (batch.attempts++ > 0) batch.source.ledger.move(batch.counts, null, 'retried', 0)
    this.#leases.move(batch, 'inFlight')
    const started = monotonic()
    const attempt = this.#events.attempt()
    this.#transport.send(batch.body!, batch.abandoned.signal).then(outcome => {
      if (batch.abandoned.signal.aborted || this.#stopped) return
      this.inFlight.delete(batch)
      this.#handleOutcome(batch, outcome, started, attempt)
      this.#events.done()
    }).catch(error => this.#events.internalError(error))
  }

  #handleOutcome (batch: Batch, outcome: Outcome, started: number, attempt: number): void {
    const isFirstUnsent = outcome.is === 'unsent' && !batch.wasUnsent
    batch.wasUnsent = outcome.is === 'unsent'
    if (isFirstUnsent || outcome.is === 'aborted') return this.#retry(batch, 0)
    if (outcome.is === 'failed' || outcome.is === 'unsent') {
      this.#failed(batch, outcome, started)
      this.#events.attemptFailed(attempt)
      return
    }
    this.#breaker.recordSuccess(started)
    this.#handleAnswer(batch, answered(batch, outcome))
  }

  #failed (batch: Batch, outcome: Outcome & { is: 'failed' | 'unsent' }, started: number): void {
    this.#events.notice(outcome.message)
    const { retryAfter, warning } = outcome.is === 'failed' ? outcome : { retryAfter: undefined, warning: undefined }
    if (warning !== undefined) this.#events.warnOnce(warning)
    this.#breaker.recordFailure(started, retryAfter)
    this.#retry(batch, Math.max(monotonic(), started + this.#breaker.backoff(batch.attempts)))
  }

  #handleAnswer (batch: Batch, { ended, again, urgent, retryAfter, message }: Answered): void {
    if (message !== '') this.#events.notice(message)
    const { source, state, since, attempts, lease } = batch
    for (const [reason, counts] of ended) shift(source, counts, state, reason, lease)
    if (again.length > 0 && retryAfter !== undefined) this.#breaker.pause(retryAfter)
    const notBefore = urgent ? 0 : monotonic() + (retryAfter ?? this.#breaker.backoff(attempts))
    lease!.open += again.length
    for (const { body, counts } of again) {
      const part = createBatch(source, counts, { body }, { state, since, attempts, lease, notBefore })
      this.#leases.move(part, null)
      if (urgent) this.ready.unshift(part)
      else this.ready.push(part)
    }
    this.#leases.leave(batch)
  }

  #retry (batch: Batch, notBefore: number): void {
    batch.notBefore = notBefore
    if (batch.unchangedOnDisk) return this.#leases.putBack(batch, notBefore)
    this.#leases.move(batch, null)
    this.ready.unshift(batch)
  }
}
