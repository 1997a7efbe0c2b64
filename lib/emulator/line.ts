/** Row → one readable line, for terminals and failure messages. */
import type { Kept } from './store'

const SEVERITIES = ['verbose', 'information', 'warning', 'error', 'critical']
const MAX = 160

export function line (row: Omit<Kept, 'time' | 'text' | 'size' | 'itemId'>): string {
  const parts = [row.type.padEnd(10)]
  if (row.type === 'exception') parts.push(`${row.exceptionType}: ${row.message}`)
  else if (row.type === 'trace') parts.push(`${SEVERITIES[row.severityLevel ?? 1]}: ${row.message}`)
  else parts.push(row.name ?? '')
  if (row.resultCode !== undefined) parts.push(row.resultCode)
  if (row.success === false) parts.push('failed')
  if (row.duration !== undefined) parts.push(`${row.duration.toFixed(1)} ms`)
  if (row.value !== undefined) parts.push(String(row.value))
  if (row.operation_Name !== undefined && row.operation_Name !== row.name) parts.push(`(${row.operation_Name})`)
  return printable(parts.join('  '))
}

/** Received text must not move the terminal's cursor or break a line. */
export function printable (text: string, longest = MAX): string {
  // eslint-disable-next-line no-control-regex
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ')
  return plain.length > longest ? `${plain.slice(0, longest)}…` : plain
}
