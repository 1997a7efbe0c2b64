/** What went wrong → people: without the key, and without repeating itself. */
import { monotonic } from '../../clock'

export interface NoticeEvents {
  /** The latest problem. */
  notice: (message: string) => void
  /** Sent at once. */
  warn: (message: string) => void
}

const REPEAT_AFTER = 1_000

export class Notices {
  readonly #key: string
  readonly #events: NoticeEvents
  readonly #warned = new Set<string>()
  #last = { message: '', at: -Infinity }

  /** @param key to redact: a service's message may repeat it */
  constructor (key: string, events: NoticeEvents) {
    this.#key = key
    this.#events = events
  }

  notice (message: string): void {
    const now = monotonic()
    if (message === this.#last.message && now - this.#last.at < REPEAT_AFTER) return
    this.#last = { message, at: now }
    this.#events.notice(message.replaceAll(this.#key, '[key]'))
  }

  warnOnce (message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.#events.warn(message)
  }
}
