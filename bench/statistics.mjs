/** Numbers of several rounds → one, and how far they lie apart. */

export function median (values) {
  const sorted = values.filter(value => value !== undefined && value !== null).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The median, between which two values the rounds lay, and between which their middle half. */
export function spread (values) {
  const known = values.filter(value => value !== undefined && value !== null)
  if (known.length === 0) return null
  known.sort((a, b) => a - b)
  const quarter = share => known[Math.round((known.length - 1) * share)]
  return { median: median(known), low: known[0], q1: quarter(0.25), q3: quarter(0.75), high: known.at(-1), rounds: known.length }
}
