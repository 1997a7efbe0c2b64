/** Rows before and after a point in time → what has changed, operation by operation. */
import { printable } from '../emulator/line'
import type { Row } from '../emulator'

export interface Measured { requests: number, failed: number, p50: number, p95: number }
export interface ComparedOperation { name: string, before?: Measured, after?: Measured }

export interface Comparison {
  operations: ComparedOperation[]
  /** Types and messages of exceptions, with counts. */
  newExceptions: Array<{ exception: string, count: number }>
  goneExceptions: Array<{ exception: string, count: number }>
}

/** @param snapshot id of the last row of the "before" part */
export function compareRows (rows: readonly Row[], snapshot: number): Comparison {
  const [before, after] = [rows.filter(({ itemId }) => itemId <= snapshot), rows.filter(({ itemId }) => itemId > snapshot)]
  const [measuredBefore, measuredAfter] = [measure(before), measure(after)]
  const [errorsBefore, errorsAfter] = [exceptions(before), exceptions(after)]
  const only = (one: Map<string, number>, other: Map<string, number>): Array<{ exception: string, count: number }> =>
    [...one].filter(([exception]) => !other.has(exception)).map(([exception, count]) => ({ exception, count }))
  return {
    operations: [...new Set([...measuredBefore.keys(), ...measuredAfter.keys()])].sort()
      .map(name => ({ name, before: measuredBefore.get(name), after: measuredAfter.get(name) })),
    newExceptions: only(errorsAfter, errorsBefore),
    goneExceptions: only(errorsBefore, errorsAfter)
  }
}

function measure (rows: readonly Row[]): Map<string, Measured> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    if (row.type !== 'request') continue
    const group = groups.get(row.name ?? '')
    if (group === undefined) groups.set(row.name ?? '', [row])
    else group.push(row)
  }
  return new Map([...groups].map(([name, requests]) => {
    const durations = requests.map(({ duration }) => duration ?? 0).sort((a, b) => a - b)
    const percentile = (share: number): number => durations[Math.max(0, Math.ceil(durations.length * share) - 1)]
    return [name, { requests: requests.length, failed: requests.filter(({ success }) => success === false).length, p50: percentile(0.5), p95: percentile(0.95) }]
  }))
}

function exceptions (rows: readonly Row[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { type, exceptionType, outerMessage } of rows) {
    if (type !== 'exception') continue
    const exception = `${exceptionType}: ${outerMessage}`
    counts.set(exception, (counts.get(exception) ?? 0) + 1)
  }
  return counts
}

export function comparisonText ({ operations, newExceptions, goneExceptions }: Comparison): string {
  const list = (title: string, entries: Array<{ exception: string, count: number }>): string[] =>
    entries.length === 0 ? [] : [title, ...entries.map(({ exception, count }) => `  ${count} × ${printable(exception)}`)]
  return [
    ...(operations.length === 0 ? ['No requests, neither before nor after.'] : operations.map(operationLine)),
    ...list('New exceptions:', newExceptions),
    ...list('Exceptions that no longer occur:', goneExceptions)
  ].join('\n')
}

function operationLine ({ name, before, after }: ComparedOperation): string {
  const title = printable(name)
  if (after === undefined) return `${title}: no requests since (${before!.requests} before)`
  if (before === undefined) return `${title}: new, ${after.requests} requests, ${after.failed} failed, p50 ${after.p50.toFixed(1)} ms, p95 ${after.p95.toFixed(1)} ms`
  const pair = (read: (measured: Measured) => string): string => `${read(before)} → ${read(after)}`
  return `${title}: requests ${pair(({ requests }) => String(requests))}, failed ${pair(({ failed, requests }) => `${failed} (${Math.round(100 * failed / requests)} %)`)}, ` +
    `p50 ${pair(({ p50 }) => p50.toFixed(1))} ms, p95 ${pair(({ p95 }) => p95.toFixed(1))} ms`
}
