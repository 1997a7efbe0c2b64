/** A scenario's rows, compared with a reviewed file, without anything that differs from run to run. */
import { AssertionError } from 'node:assert'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type ContractRow, toContract } from './contract-rows'
import { brokenQueries, readQueries } from './contract-queries'
import type { Row, RowType } from './rows'

export interface ExpectOptions {
  /** Which rows to compare. @default all but metrics and performance counters, whose number depends on time */
  rows?: (row: Row) => boolean
  /** Write the file instead of comparing. @default true if the environment variable UPDATE_ROWS is 1 */
  update?: boolean
  /**
   * Saved queries, from alerts or a workbook: the failure names those that the change would break. A folder of `.kql`
   * files, or queries by name.
   */
  queries?: string | Readonly<Record<string, string>>
}

interface ContractFile { rows: ContractRow[] }

const NUMBERS: ReadonlySet<RowType> = new Set(['metric', 'performanceCounter'])
const HOW_TO_ACCEPT = 'If this is what you want, run the test with UPDATE_ROWS=1, and review the change of the file.'

/**
 * Compares the emulator's rows with those in `file`: kinds, names, result codes, names of custom dimensions, counts.
 * Ignores ids, times, durations and numbers in texts. Call the app's `flush()` first.
 * If the file doesn't exist it is written, unless the environment variable CI is set.
 * Rejects with an AssertionError whose message lists the differences.
 * @param file JSON file to review and commit
 */
export async function expectRows (emulator: { items: () => Row[] }, file: string, options: ExpectOptions = {}): Promise<void> {
  const counts = options.rows ?? (({ type }: Row) => !NUMBERS.has(type))
  const actual = toContract(emulator.items().filter(row => counts(row)))
  if (options.update ?? process.env.UPDATE_ROWS === '1') return await write(file, actual)
  const expected = await read(file)
  if (expected === undefined) {
    if (isSet(process.env.CI)) fail(`${file} is not there: run the test with UPDATE_ROWS=1, review the file, and commit it.`, [], actual)
    return await write(file, actual)
  }
  const differences = compare(expected, actual)
  if (differences.length === 0) return
  const broken = options.queries === undefined ? [] : brokenQueries(expected, actual, await readQueries(options.queries))
  fail([
    `The rows differ from ${file}:`,
    ...differences,
    ...(broken.length === 0 ? [] : ['', 'Saved queries that this would break:', ...broken.map(({ name, reasons }) => `  ${name}: ${reasons.join('; ')}`)]),
    '',
    HOW_TO_ACCEPT
  ].join('\n'), expected, actual)
}

function fail (message: string, expected: readonly ContractRow[], actual: readonly ContractRow[]): never {
  throw new AssertionError({ message, expected: { rows: expected }, actual: { rows: actual }, operator: 'expectRows', stackStartFn: expectRows })
}

async function write (file: string, rows: readonly ContractRow[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  // One row a line, so that a review shows which rows have changed.
  await writeFile(file, `{\n  "rows": [\n${rows.map(row => `    ${JSON.stringify(row)}`).join(',\n')}\n  ]\n}\n`)
}

async function read (file: string): Promise<ContractRow[] | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { rows } = JSON.parse(text) as Partial<ContractFile>
  if (!Array.isArray(rows)) throw new TypeError(`${file} is no file of expectRows: it has no list "rows"`)
  return rows
}

/** What identifies a row, before and after. */
function keyOf ({ count: _, customDimensions: __, customMeasurements: ___, ...identity }: ContractRow): string {
  return JSON.stringify(identity)
}

/** Lines of `-` (removed), `+` (added) and `~` (changed). */
function compare (expected: readonly ContractRow[], actual: readonly ContractRow[]): string[] {
  const now = new Map(actual.map(row => [keyOf(row), row]))
  const before = new Map(expected.map(row => [keyOf(row), row]))
  return [
    ...[...before].filter(([key]) => !now.has(key)).map(([, row]) => `  - ${describe(row)}`),
    ...[...now].filter(([key]) => !before.has(key)).map(([, row]) => `  + ${describe(row)}`),
    ...[...now].flatMap(([key, row]) => {
      const old = before.get(key)
      const changes = old === undefined ? [] : changesOf(old, row)
      return changes.length === 0 ? [] : [`  ~ ${describe({ ...row, count: 1 })}: ${changes.join(', ')}`]
    })
  ]
}

function changesOf (before: ContractRow, now: ContractRow): string[] {
  const gone = (what: string, one: readonly string[] = [], other: readonly string[] = []): string[] => one.filter(name => !other.includes(name)).map(name => `${what} ${name}`)
  return [
    ...(before.count === now.count ? [] : [`${before.count} rows, now ${now.count}`]),
    ...gone('no longer has the dimension', before.customDimensions, now.customDimensions),
    ...gone('now has the dimension', now.customDimensions, before.customDimensions),
    ...gone('no longer has the measurement', before.customMeasurements, now.customMeasurements),
    ...gone('now has the measurement', now.customMeasurements, before.customMeasurements)
  ]
}

function describe ({ type, role, name, message, exceptionType, resultCode, success, operation, count }: ContractRow): string {
  const parts = [
    type,
    exceptionType === undefined ? undefined : `${exceptionType}:`,
    name === undefined ? message === undefined ? undefined : `"${message}"` : `"${name}"`,
    resultCode,
    success === false ? 'failed' : undefined,
    operation === undefined || operation === name ? undefined : `of ${operation}`,
    role === undefined ? undefined : `by ${role}`,
    count === 1 ? undefined : `(${count} rows)`
  ]
  return parts.filter(part => part !== undefined && part !== '').join(' ')
}

function isSet (value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false'
}
