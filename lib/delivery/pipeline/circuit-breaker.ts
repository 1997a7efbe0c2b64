/**
 * Answers and failures → when to send the next request, and how many at a time.
 *
 *     closed ──(three failures in a row, or a Retry-After)──► open ──(the pause is over)──► half-open
 *       ▲                                                      ▲                              │
 *       │                                                      └──────(the probe fails)───────┤
 *       └───────────────────────────(the probe is answered)───────────────────────────────────┘
 */
import { monotonic } from '../../clock'

// Fewer in a row may be down to the batch itself.
export const FAILURES_TO_OPEN = 3
// Minimum time between two probes, whatever the backoff, in milliseconds.
const MIN_PAUSE = 50

export class CircuitBreaker {
  /** Something was answered, so it is worth looking for more to send. */
  hasSucceeded = false
  readonly #base: number
  readonly #max: number
  #consecutiveFailures = 0
  /** Consecutive openings: concurrent requests count once. */
  #openings = 0
  #openedAt = -Infinity
  #pausedUntil = -Infinity
  #retryAfterUntil = -Infinity

  constructor (backoffBase: number, backoffMax: number) {
    this.#base = backoffBase
    this.#max = backoffMax
  }

  get state (): 'closed' | 'open' | 'half-open' {
    if (this.pausedUntil > monotonic()) return 'open'
    return this.#openings > 0 ? 'half-open' : 'closed'
  }

  /** Opened by failures, and not yet closed by an answer. */
  get isTripped (): boolean {
    return this.#openings > 0
  }

  /** No request before this time on the monotonic clock. */
  get pausedUntil (): number {
    return Math.max(this.#pausedUntil, this.#retryAfterUntil)
  }

  /** The endpoint itself asked for this pause, so it holds even if someone is waiting. */
  get isRetryAfter (): boolean {
    return this.#retryAfterUntil > monotonic()
  }

  /** @param started when the request was sent */
  recordSuccess (started: number): void {
    this.hasSucceeded = true
    this.#consecutiveFailures = 0
    // An answer to a request from before the outage says nothing about it.
    if (started < this.#openedAt) return
    this.#openings = 0
    this.#pausedUntil = -Infinity
  }

  /** @param retryAfter in milliseconds from now, if the endpoint gave one */
  recordFailure (started: number, retryAfter: number | undefined): void {
    this.#consecutiveFailures++
    if (retryAfter !== undefined) this.pause(retryAfter)
    else if (this.#consecutiveFailures < FAILURES_TO_OPEN) return
    const now = monotonic()
    if (started >= this.#openedAt || this.#openings === 0) {
      this.#openings++
      this.#openedAt = now
    }
    // Counted from the start of the attempt: one that timed out has already waited.
    if (retryAfter === undefined) this.#pausedUntil = Math.max(this.#pausedUntil, now + MIN_PAUSE, started + this.backoff(this.#openings))
  }

  pause (milliseconds: number): void {
    this.#retryAfterUntil = Math.max(this.#retryAfterUntil, monotonic() + milliseconds)
  }

  /** Someone is waiting: allow one attempt now, and others soon. @returns false if the endpoint's Retry-After forbids it */
  probe (): boolean {
    if (this.isRetryAfter) return false
    this.#openings = Math.min(this.#openings, 1)
    this.#pausedUntil = -Infinity
    return true
  }

  /** Doubles from the base to the maximum, with 25% jitter so that a fleet doesn't retry in step. */
  backoff (attempt: number): number {
    return Math.min(this.#max, this.#base * 2 ** Math.min(20, Math.max(0, attempt - 1))) * (0.75 + Math.random() / 2)
  }
}
