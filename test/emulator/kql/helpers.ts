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

/** A query, and its answer line by line. */
export type Case = [query: string, ...expected: string[]]

/** Holds the answers to groups of queries against what is expected, on one emulator: loading the parser takes its time. */
export async function holdsFor (t: Test, groups: Record<string, Case[]>) {
  const emulator = await start(t)
  for (const [name, cases] of Object.entries(groups)) {
    await t.test(name, async t => {
      for (const [query, ...expected] of cases) {
        const answer = await emulator.query(query).then(shown, (error: Error) => [error.message])
        t.strictSame(answer, expected, query)
      }
    })
  }
}
