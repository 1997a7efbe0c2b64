/** Rows → their entries in a contract, in an order that doesn't depend on time. */
import type { Row, RowType } from './rows'

export interface ContractRow {
  type: RowType
  role?: string
  operation?: string
  name?: string
  /** For a trace or an exception, with `#` in place of numbers and ids. */
  message?: string
  exceptionType?: string
  resultCode?: string
  success?: boolean
  severityLevel?: number
  dependencyType?: string
  target?: string
  /** How many such rows there are. */
  count: number
  /** Names only. A name ends with `?` if only some of the rows have it. */
  customDimensions?: string[]
  customMeasurements?: string[]
}

type Names = Map<string, number>
interface Group { row: ContractRow, dimensions: Names, measurements: Names }

export function toContract (rows: readonly Row[]): ContractRow[] {
  const groups = new Map<string, Group>()
  for (const row of rows) {
    const identity = identityOf(row)
    const key = JSON.stringify(identity)
    let group = groups.get(key)
    if (group === undefined) groups.set(key, group = { row: { ...identity, count: 0 }, dimensions: new Map(), measurements: new Map() })
    group.row.count++
    addNames(group.dimensions, row.customDimensions)
    addNames(group.measurements, row.customMeasurements)
  }
  return [...groups].sort(([one], [other]) => one < other ? -1 : 1).map(([, { row, dimensions, measurements }]) => ({
    ...row, ...listed('customDimensions', dimensions, row.count), ...listed('customMeasurements', measurements, row.count)
  }))
}

function identityOf (row: Row): Omit<ContractRow, 'count'> {
  const { type, cloud_RoleName: role, operation_Name: operation, resultCode, success, severityLevel, dependencyType, exceptionType } = row
  const text = row.type === 'trace' || row.type === 'exception' || row.type === 'availability' ? row.message : undefined
  return JSON.parse(JSON.stringify({
    type, role, operation, name: withoutNumbers(row.name), message: withoutNumbers(text), exceptionType, resultCode, success, severityLevel, dependencyType, target: withoutNumbers(row.target)
  })) as Omit<ContractRow, 'count'>
}

// GUIDs and long hexadecimal ids first, as they contain numbers; a number within a word (`v2`) is part of the word.
const CHANGING = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\b\d+(?:\.\d+)*(?=ms\b|s\b|\b)/gi

function withoutNumbers (text: string | undefined): string | undefined {
  return text?.replaceAll(CHANGING, '#')
}

function addNames (names: Names, values: object): void {
  // These say how Azure counts a row, and don't come from the app.
  for (const name of Object.keys(values)) if (!name.startsWith('_MS.')) names.set(name, (names.get(name) ?? 0) + 1)
}

function listed (field: 'customDimensions' | 'customMeasurements', names: Names, rows: number): Partial<ContractRow> {
  return names.size === 0 ? {} : { [field]: [...names].map(([name, count]) => count === rows ? name : `${name}?`).sort() }
}
