/** Random ids of traces and spans. */
import { randomFillSync } from 'node:crypto'

const TRACE_BYTES = 16
const SPAN_BYTES = 8
// A call for random bytes is dear, whatever their number.
const pool = Buffer.allocUnsafeSlow(4_096)
let used = pool.length

function take (bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const id = pool.toString('hex', used, used += bytes)
  // All zeros means that there is none.
  return /[^0]/.test(id) ? id : take(bytes)
}

/** @see https://www.w3.org/TR/trace-context/#trace-id */
export function newTraceId (): string {
  return take(TRACE_BYTES)
}

/** @see https://www.w3.org/TR/trace-context/#parent-id */
export function newSpanId (): string {
  return take(SPAN_BYTES)
}
