/** Requests, dependencies and exceptions → running totals in memory shared by both threads, only while someone is watching. */
import type { HrTime } from '@opentelemetry/api'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import { isRequestKind } from '../rows/span'

/** Indexes into the totals. */
export const REQUESTS = 0
export const FAILED_REQUESTS = 1
export const REQUEST_DURATION = 2
export const CALLS = 3
export const FAILED_CALLS = 4
export const CALL_DURATION = 5
export const EXCEPTIONS = 6
export const TOTALS = 7

/** The flag is the first word. The totals begin after 8 bytes. */
const HEADER_BYTES = 8

export interface SharedCounters {
  /** 1 while someone is watching. The worker writes it. */
  readonly flag: Int32Array
  /** Written by the main thread. They only grow. */
  readonly totals: Float64Array
}

export function sharedCounters (buffer: SharedArrayBuffer): SharedCounters {
  return { flag: new Int32Array(buffer, 0, 1), totals: new Float64Array(buffer, HEADER_BYTES, TOTALS) }
}

/** The parts of a finished span that the span processor passes. */
interface CountedSpan { readonly kind: number, readonly duration: HrTime, readonly status: { readonly code: number } }

/** The main thread's side. Costs one comparison, or a few additions while someone is watching. */
export class LiveCounters {
  readonly buffer = new SharedArrayBuffer(HEADER_BYTES + TOTALS * Float64Array.BYTES_PER_ELEMENT)
  readonly #flag: Int32Array
  readonly #totals: Float64Array
  /** The span that ends next, if it must not be counted when it ends. */
  #counted: object | undefined

  constructor () {
    const { flag, totals } = sharedCounters(this.buffer)
    this.#flag = flag
    this.#totals = totals
  }

  get isWatched (): boolean {
    return this.#flag[0] !== 0
  }

  /** @param duration in milliseconds. @param weight how many requests it represents */
  request (duration: number, success: boolean, weight = 1): void {
    if (this.#flag[0] !== 0) this.#add(REQUESTS, duration, success, weight)
  }

  call (duration: number, success: boolean, weight = 1): void {
    if (this.#flag[0] !== 0) this.#add(CALLS, duration, success, weight)
  }

  exception (weight: number): void {
    if (this.#flag[0] !== 0) this.#totals[EXCEPTIONS] += weight
  }

  /** Skips the span that ends next, because it has been counted or must not be counted. */
  skip (span: object): void {
    if (this.#flag[0] !== 0) this.#counted = span
  }

  /** Counts a finished span. SERVER and CONSUMER spans are requests, as in rows. */
  span (span: CountedSpan, weight: number): void {
    if (this.#counted === span) {
      this.#counted = undefined
      return
    }
    const { kind, duration, status } = span
    this.#add(isRequestKind(kind) ? REQUESTS : CALLS, hrTimeToMilliseconds(duration), status.code !== 2, weight)
  }

  #add (at: number, duration: number, success: boolean, weight: number): void {
    const totals = this.#totals
    totals[at] += weight
    totals[at + 1] += success ? 0 : weight
    totals[at + 2] += duration * weight
  }
}
