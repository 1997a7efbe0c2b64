/** The time as it stands in a line → milliseconds since 1970. */

/** @returns undefined where it is no JSON */
export function valueOf (json: string): unknown {
  if (json === '') return undefined
  // Milliseconds since 1970, as nearly everybody has them.
  const number = Number(json)
  if (!Number.isNaN(number)) return number
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Milliseconds since 1970 of what pino's and other timestamp functions write: milliseconds, seconds, ISO 8601. */
export function timeOf (value: unknown): number {
  const now = Date.now()
  if (typeof value === 'number') {
    if (value >= 1e11 && value < 1e14) return value
    // Whole seconds would put all lines of a request at its start.
    if (value > 1e8 && value < 1e11) return Math.abs(now - value * 1_000) <= 1_000 ? now : value * 1_000
    return now
  }
  const time = typeof value === 'string' && /^\d{4}-\d\d-\d\d[T ]\d/.test(value) ? Date.parse(value) : NaN
  return Number.isNaN(time) ? now : time
}
