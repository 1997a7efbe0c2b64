/** Rows → what a contract holds of them, in an order that does not depend on time. */
import type { Row, RowType } from './rows'

export interface ContractRow {
  type: RowType
  role?: string
  operation?: string
  name?: string
  /** Of a trace or an exception, with `#` for numbers and ids. */
  message?: string
  exceptionType?: string
  resultCode?: string
  success?: boolean
  severityLevel?: number
  dependencyType?: string
  target?: string
  /** How many such rows there are. */
  count: number
  /** Names only. One that not every such row has ends with `?`. */
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

// GUIDs and long hexadecimal ids first, of which numbers are a part; a number within a word (`v2`) belongs to the word.
const CHANGING = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\b\d+(?:\.\d+)*(?=ms\b|s\b|\b)/gi

function withoutNumbers (text: string | undefined): string | undefined {
  return text?.replaceAll(CHANGING, '#')
}

function addNames (names: Names, values: object): void {
  // How Azure counts a row is not what the app has said.
  for (const name of Object.keys(values)) if (!name.startsWith('_MS.')) names.set(name, (names.get(name) ?? 0) + 1)
}

function listed (field: 'customDimensions' | 'customMeasurements', names: Names, rows: number): Partial<ContractRow> {
  return names.size === 0 ? {} : { [field]: [...names].map(([name, count]) => count === rows ? name : `${name}?`).sort() }
}
