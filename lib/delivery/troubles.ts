/** Drops, waits and failures → a warning for the operator, once a minute at most. */
import { clearTimeout, monotonic, setTimeout } from '../clock'
import type { Counters } from './counters'

const FIRST_AFTER = 1_000
const WARN_EVERY = 60_000

export class Troubles {
  lastError: { message: string, at: Date } | null = null
  readonly #counters: Counters
  readonly #tell: (message: string) => void
  #timer: NodeJS.Timeout | undefined
  #warnedAt = -Infinity
  #warnedDrops = 0
  #closed = false

  constructor (counters: Counters, warn: (message: string) => void) {
    this.#counters = counters
    this.#tell = warn
  }

  notice (message: string): void {
    this.lastError = { message, at: new Date() }
    this.warnSoon()
  }

  /** Warns at once. Never throws: a broken app logger must not make us fail. */
  warn (message: string): void {
    try {
      this.#tell(`Application Insights: ${message}`)
    } catch {
      // There is nobody to tell.
    }
  }

  warnSoon (): void {
    if (this.#timer !== undefined || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#warnWithNumbers()
    }, Math.max(FIRST_AFTER, this.#warnedAt + WARN_EVERY - monotonic()))
    this.#timer.unref()
  }

  close (): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #warnWithNumbers (): void {
    const dropped = this.#counters.dropped()
    const spooled = this.#counters.sum('spooled')
    const isNew = dropped > this.#warnedDrops
    if (!isNew && spooled === 0) return
    this.#warnedAt = monotonic()
    const parts = []
    if (isNew) parts.push(`${dropped - this.#warnedDrops} rows dropped (total: ${this.#counters.droppedText()})`)
    if (spooled > 0) parts.push(`${spooled} rows wait on disk`)
    if (this.lastError !== null) parts.push(`last error: ${this.lastError.message}`)
    this.#warnedDrops = dropped
    this.warn(parts.join('; '))
  }
}
