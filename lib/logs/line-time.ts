/** The time in a line's text → milliseconds since 1970. */

/** @returns undefined if it isn't JSON */
export function valueOf (json: string): unknown {
  if (json === '') return undefined
  // Nearly all loggers write milliseconds since 1970.
  const number = Number(json)
  if (!Number.isNaN(number)) return number
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/**
 * Reads what pino's and other timestamp functions write: milliseconds, seconds, ISO 8601.
 * @returns milliseconds since 1970; the current time if the value can't be read
 */
export function timeOf (value: unknown): number {
  const now = Date.now()
  if (typeof value === 'number') {
    if (value >= 1e11 && value < 1e14) return value
    // A current time in whole seconds would place all lines of a request at its start.
    if (value > 1e8 && value < 1e11) return Math.abs(now - value * 1_000) <= 1_000 ? now : value * 1_000
    return now
  }
  const time = typeof value === 'string' && /^\d{4}-\d\d-\d\d[T ]\d/.test(value) ? Date.parse(value) : NaN
  return Number.isNaN(time) ? now : time
}
