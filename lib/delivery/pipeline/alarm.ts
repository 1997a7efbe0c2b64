/** Many reasons to look again → one timer, set to the earliest. */
import { clearTimeout, monotonic, setTimeout } from '../../clock'

export class Alarm {
  readonly #ring: () => void
  #timer: NodeJS.Timeout | undefined
  #at = Infinity

  constructor (ring: () => void) {
    this.#ring = ring
  }

  /** @param at on the monotonic clock; Infinity means never */
  set (at: number): void {
    const now = monotonic()
    if (at === Infinity || (this.#at <= at && this.#at > now)) return
    clearTimeout(this.#timer)
    this.#at = at
    this.#timer = setTimeout(() => {
      this.#at = Infinity
      this.#ring()
    }, Math.max(1, at - now))
    this.#timer.unref()
  }

  clear (): void {
    clearTimeout(this.#timer)
  }
}
