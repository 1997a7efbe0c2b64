/** A query's answer → text for a terminal, a script or a spreadsheet. */
import { printable } from '../emulator/line'

export interface Answer { columns: Array<{ name: string, type: string }>, rows: unknown[][] }

const NUMBERS = new Set(['int', 'long', 'real', 'decimal'])
/** Columns are never cut to fewer characters than this. */
const NARROWEST = 12

function text (value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Aligned columns, cut so that each line fits the terminal; numbers are right-aligned. With too many columns, see `blocks`. */
export function table ({ columns, rows }: Answer, width: number | undefined): string {
  if (columns.length === 0) return ''
  // Names can be received text, too: bag_unpack makes columns of it.
  const cells = [columns.map(({ name }) => printable(name)), ...rows.map(row => row.map(value => printable(text(value))))]
  const widths = columns.map((_, index) => cells.reduce((longest, row) => Math.max(longest, [...row[index]].length), 0))
  const count = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`
  if (widths.reduce((sum, each) => sum + Math.min(each, NARROWEST) + 2, -2) > (width ?? Infinity)) return `${blocks(cells)}${count}\n`
  // The widest column shrinks first.
  for (let over = widths.reduce((sum, each) => sum + each + 2, -2) - (width ?? Infinity); over > 0; over--) {
    const widest = widths.indexOf(Math.max(...widths))
    if (widths[widest] <= NARROWEST) break
    widths[widest]--
  }
  const line = (row: string[]): string => row.map((cell, index) => fitted(cell, widths[index], NUMBERS.has(columns[index].type))).join('  ').trimEnd()
  const [head, ...body] = cells
  return [line(head), widths.map(each => '-'.repeat(each)).join('  '), ...body.map(line), count].join('\n') + '\n'
}

/** A line per column that isn't empty, and an empty line after each row. */
function blocks ([names, ...rows]: string[][]): string {
  const longest = Math.max(...names.map(name => name.length))
  return rows.map(row => row.map((cell, index) => cell === '' ? '' : `${names[index].padEnd(longest)}  ${cell}\n`).join('') + '\n').join('')
}

function fitted (cell: string, width: number, right: boolean): string {
  const units = [...cell]
  if (units.length > width) return `${units.slice(0, width - 1).join('')}…`
  const space = ' '.repeat(width - units.length)
  return right ? space + cell : cell + space
}

export function objects ({ columns, rows }: Answer): string {
  const lines = rows.map(row => JSON.stringify(Object.fromEntries(columns.map(({ name }, index) => [name, row[index]]))))
  return `[${lines.join(',\n')}]\n`
}

export function csv ({ columns, rows }: Answer): string {
  const field = (value: string): string => /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
  return [columns.map(({ name }) => name), ...rows.map(row => row.map(text))].map(row => `${row.map(field).join(',')}\r\n`).join('')
}
