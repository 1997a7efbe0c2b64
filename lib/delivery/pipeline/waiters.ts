/** flush(), close() and the end of the process → until when there is something to wait for. */
import { clearTimeout, monotonic, setTimeout } from '../clock'
import type { Source } from './batch'
import { FAILURES_TO_OPEN, type CircuitBreaker } from './circuit-breaker'

/** flush waits; close and drain put what could not be sent on disk. */
export type Mode = 'flush' | 'close' | 'drain'

export interface Waiter {
  mode: Mode
  /** undefined: all of them. */
  source: Source | undefined
  /** Attempts up to this one were made before anyone waited. */
  since: number
  /** How many later ones may fail. */
  failuresLeft: number
  /** By the monotonic clock. */
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

  /** The time left is for what is ours, not for what other processes left behind. */
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

  /** @returns a number for an attempt that begins now */
  attempt (): number {
    return ++this.#attempts
  }

  /** @returns whether someone began to wait during the attempt: it says nothing about now, and deserves another one at once */
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

/** Waiting longer helps nobody: what is left can be stored, or can't be sent in time. */
export function shouldGiveUp ({ mode, failuresLeft, deadline }: Waiter, breaker: CircuitBreaker, isSending: boolean, canStore: boolean): boolean {
  const mustWait = breaker.isRetryAfter && !isSending
  if (failuresLeft > 0 && !mustWait) return false
  return mode === 'flush' || canStore || (mustWait && breaker.pausedUntil >= deadline)
}
