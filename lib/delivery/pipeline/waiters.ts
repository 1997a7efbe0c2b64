/** flush(), close() and process exit → how long to wait. */
import { clearTimeout, monotonic, setTimeout } from '../../clock'
import type { Source } from './batch'
import { FAILURES_TO_OPEN, type CircuitBreaker } from './circuit-breaker'

/** flush only waits; close and drain store what couldn't be sent. */
export type Mode = 'flush' | 'close' | 'drain'

export interface Waiter {
  mode: Mode
  /** undefined means all of them. */
  source: Source | undefined
  /** Attempts up to this number began before this wait. */
  since: number
  /** How many later attempts may fail. */
  failuresLeft: number
  /** On the monotonic clock. */
  deadline: number
  timer: NodeJS.Timeout
  done: () => void
}

export class Waiters {
  readonly #waiters = new Set<Waiter>()
  #attempts = 0

  get size (): number {
    return this.#waiters.size
  }

  /** The remaining time is for our own items, not for what other processes left behind. */
  get isClosing (): boolean {
    return [...this.#waiters].some(({ mode, source }) => mode !== 'flush' && source === undefined)
  }

  [Symbol.iterator] (): Iterator<Waiter> {
    return [...this.#waiters].values()
  }

  /** @param within milliseconds from now, after which `expire` is called */
  add (mode: Mode, within: number, source: Source | undefined, isTripped: boolean, done: () => void, expire: (waiter: Waiter) => void): Waiter {
    const waiter: Waiter = {
      mode,
      source,
      since: this.#attempts,
      failuresLeft: isTripped ? 1 : FAILURES_TO_OPEN,
      deadline: monotonic() + within,
      timer: setTimeout(() => expire(waiter), Math.max(0, within)),
      done
    }
    this.#waiters.add(waiter)
    return waiter
  }

  /** @returns a number for an attempt that starts now */
  attempt (): number {
    return ++this.#attempts
  }

  /** @returns whether someone began to wait during the attempt: its result may be out of date, so retry at once */
  recordFailedAttempt (attempt: number): boolean {
    let isOld = false
    for (const waiter of this.#waiters) {
      if (attempt > waiter.since) waiter.failuresLeft--
      else isOld = true
    }
    return isOld
  }

  has (waiter: Waiter): boolean {
    return this.#waiters.has(waiter)
  }

  finish (waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return
    clearTimeout(waiter.timer)
    waiter.done()
  }
}

/** Waiting longer won't help: the rest can be stored, or can't be sent in time. */
export function shouldGiveUp ({ mode, failuresLeft, deadline }: Waiter, breaker: CircuitBreaker, isSending: boolean, canStore: boolean): boolean {
  const mustWait = breaker.isRetryAfter && !isSending
  if (failuresLeft > 0 && !mustWait) return false
  return mode === 'flush' || canStore || (mustWait && breaker.pausedUntil >= deadline)
}
