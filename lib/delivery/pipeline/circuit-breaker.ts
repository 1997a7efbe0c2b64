/** Answers and failures → when the next request may go, and how many at a time. */

// Failures in a row that make an outage; fewer are the batch's own bad luck.
export const STRIKES = 3

export class Health {
  /** Something was answered, so that it is worth looking for more to send. */
  proven = false
  pausedUntil = 0
  readonly #base: number
  readonly #max: number
  #strikes = 0
  // A wave is one failure, however many requests shared it.
  #waves = 0
  #lastWave = 0
  #told = false

  constructor (backoffBase: number, backoffMax: number) {
    this.#base = backoffBase
    this.#max = backoffMax
  }

  get isDown (): boolean {
    return this.#waves > 0
  }

  /** The endpoint said itself how long it wants no request. */
  get isTold (): boolean {
    return this.#told && this.pausedUntil > Date.now()
  }

  answered (started: number): void {
    this.proven = true
    this.#strikes = 0
    // An answer to a request from before the trouble says nothing about it.
    if (started < this.#lastWave) return
    this.#waves = 0
    if (!this.isTold) this.#resume()
  }

  failed (started: number, retryAfter: number | undefined): void {
    if (++this.#strikes < STRIKES && retryAfter === undefined) return
    this.#told = this.isTold
    const now = Date.now()
    if (started >= this.#lastWave || this.#waves === 0) {
      this.#waves++
      this.#lastWave = now
    }
    if (retryAfter !== undefined) this.pause(now + retryAfter)
    // Counted from the attempt's start: one that timed out has waited long enough.
    else this.pausedUntil = Math.max(this.pausedUntil, now + 50, started + this.backoff(this.#waves))
  }

  pause (until: number): void {
    this.#told = true
    this.pausedUntil = Math.max(this.pausedUntil, until)
  }

  /** Someone waits: one attempt may be made at once, and others soon, unless the endpoint asked for patience. */
  nudge (): boolean {
    if (this.isTold) return false
    this.#waves = Math.min(this.#waves, 1)
    this.#resume()
    return true
  }

  /** Doubles from the base to the maximum, a quarter up or down, so that a fleet does not come back in step. */
  backoff (attempt: number): number {
    return Math.min(this.#max, this.#base * 2 ** Math.min(20, Math.max(0, attempt - 1))) * (0.75 + Math.random() / 2)
  }

  #resume (): void {
    this.#told = false
    this.pausedUntil = 0
  }
}
