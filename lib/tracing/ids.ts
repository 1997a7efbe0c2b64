/** Random ids of traces and spans: many at a time, because each call for random digits is dear. */

const TRACE_LENGTH = 32
const SPAN_LENGTH = 16
const WORDS = 1_024
const words = new Uint32Array(WORDS)
const bytes = Buffer.from(words.buffer)
let digits = ''
let used = 0

function take (length: number): string {
  if (used + length > digits.length) {
    digits = randomDigits()
    used = 0
  }
  const id = digits.slice(used, used += length)
  // All zeros means that there is none.
  return id.startsWith('00000000') && !/[^0]/.test(id) ? take(length) : id
}

function randomDigits (): string {
  for (let at = 0; at < WORDS; at++) words[at] = Math.random() * 2 ** 32
  return bytes.toString('hex')
}

/** @see https://www.w3.org/TR/trace-context/#trace-id */
export function newTraceId (): string {
  return take(TRACE_LENGTH)
}

/** @see https://www.w3.org/TR/trace-context/#parent-id */
export function newSpanId (): string {
  return take(SPAN_LENGTH)
}
