/** An emulator of its own for a test, and queries as compact text. */
import { startEmulator, type QueryResult } from 'fastify-app-insights/emulator'
import type { Test } from 'tap'

export async function start (t: Test, options: Parameters<typeof startEmulator>[0] = {}) {
  const emulator = await startEmulator(options)
  t.teardown(() => emulator.close())
  return emulator
}

/** `a:long | 1 | 2`: a header and rows, as one reads them. */
export function shown ({ columns, rows }: QueryResult): string[] {
  const cell = (value: unknown): string => typeof value === 'string' ? value : typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : JSON.stringify(value)
  return [columns.map(({ name, type }) => `${name}:${type}`).join(' | '), ...rows.map(row => row.map(cell).join(' | '))]
}
