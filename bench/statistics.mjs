/** Numbers of several rounds → one, and how far they lie apart. */

export function median (values) {
  const sorted = values.filter(value => value !== undefined && value !== null).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The median, and between which two values the rounds lay. */
export function spread (values) {
  const known = values.filter(value => value !== undefined && value !== null)
  return known.length === 0 ? null : { median: median(known), low: Math.min(...known), high: Math.max(...known), rounds: known.length }
}
