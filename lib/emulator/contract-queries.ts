/** Rows that a change removes → the saved queries that ask for them. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContractRow } from './contract-rows'
import type { RowType } from './rows'

export interface BrokenQuery { name: string, reasons: string[] }

export async function readQueries (given: string | Readonly<Record<string, string>>): Promise<Map<string, string>> {
  if (typeof given !== 'string') return new Map(Object.entries(given))
  const names = (await readdir(given, { recursive: true })).filter(name => name.endsWith('.kql')).sort()
  return new Map(await Promise.all(names.map(async name => [name, await readFile(join(given, name), 'utf8')] as const)))
}

const TABLES: Readonly<Record<RowType, readonly string[]>> = {
  request: ['requests', 'AppRequests'],
  dependency: ['dependencies', 'AppDependencies'],
  trace: ['traces', 'AppTraces'],
  exception: ['exceptions', 'AppExceptions'],
  event: ['customEvents', 'AppEvents'],
  metric: ['customMetrics', 'AppMetrics'],
  performanceCounter: ['performanceCounters', 'AppPerformanceCounters'],
  pageView: ['pageViews', 'AppPageViews'],
  browserTiming: ['browserTimings', 'AppBrowserTimings'],
  availability: ['availabilityResults', 'AppAvailabilityResults']
}

/** Names and values in a query's text that no row of its tables has any more. */
export function brokenQueries (before: readonly ContractRow[], now: readonly ContractRow[], queries: ReadonlyMap<string, string>): BrokenQuery[] {
  const lost = missing(before, now, row => [row.type]) as RowType[]
  return [...queries].flatMap(([name, text]) => {
    const query = withoutComments(text)
    const asked = (Object.keys(TABLES) as RowType[]).filter(kind => TABLES[kind].some(table => isWord(table, query)))
    // A query without a table we know, such as `search`, asks all of them.
    const isAsked = ({ type }: ContractRow): boolean => asked.length === 0 || asked.includes(type)
    const [then, since] = [before.filter(isAsked), now.filter(isAsked)]
    const texts = missing(then, since, row => [row.name, row.message, row.exceptionType, row.operation, row.role, row.target, row.resultCode])
    const dimensions = missing(then, since, row => [...row.customDimensions ?? [], ...row.customMeasurements ?? []].map(key => key.replace(/\?$/, '')))
    const reasons = [
      ...lost.filter(kind => asked.includes(kind)).map(kind => `no row is left of ${TABLES[kind][0]}`),
      ...texts.filter(value => isLiteral(value, query)).map(value => `no row says '${value}' any more`),
      ...dimensions.filter(key => isDimension(key, query)).map(key => `no row has the dimension ${key} any more`)
    ]
    return reasons.length === 0 ? [] : [{ name, reasons }]
  })
}

function missing (before: readonly ContractRow[], now: readonly ContractRow[], read: (row: ContractRow) => Array<string | undefined>): string[] {
  const still = new Set(now.flatMap(read))
  return [...new Set(before.flatMap(read))].filter(value => value !== undefined && value !== '' && !still.has(value)) as string[]
}

function withoutComments (query: string): string {
  return query.replaceAll(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\/\/.*$/gm, (_, literal: string | undefined) => literal ?? '')
}

function isWord (word: string, query: string): boolean {
  return new RegExp(`\\b${escaped(word)}\\b`).test(query)
}

/** A number that was replaced in the value may be any number in the query. */
function isLiteral (value: string, query: string): boolean {
  const pattern = escaped(value).replaceAll('#', '[\\d.a-f-]+')
  return new RegExp(`(["'])${pattern}\\1`, 'i').test(query) || (/^\d+$/.test(value) && new RegExp(`resultCode\\)?\\s*==\\s*${value}\\b`, 'i').test(query))
}

function isDimension (key: string, query: string): boolean {
  return new RegExp(`\\b(?:customDimensions|customMeasurements|Properties|Measurements)\\s*(?:\\.\\s*${escaped(key)}(?![\\w.])|\\[\\s*@?(["'])${escaped(key)}\\1\\s*\\])`).test(query)
}

function escaped (text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
