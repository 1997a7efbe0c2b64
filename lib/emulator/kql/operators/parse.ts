/** parse and parse-where: extract columns from a text, using a pattern of literals and names. */
import { fromText } from '../convert'
import { compile, contextOf, type Context } from '../expression'
import { regex } from '../regex'
import { columnsOf, kindOf, lacking, list, nameOf, parameters, part, scalarNamed, type Syntax } from '../syntax'
import { textOf } from '../text'
import { missing, type Row, type Scalar, type Table, type Value } from '../values'
import type { Scope } from '../scope'
import { each, type Operator } from './define'

interface Capture { name: string, type: Scalar }

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')

// In kind=regex numbers match only digits, so that neighboring patterns can be greedy.
const NUMBERS: Partial<Record<Scalar, string>> = { int: '(-?\\d+)', long: '(-?\\d+)', real: '(-?\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)', decimal: '(-?\\d+(?:\\.\\d+)?)' }

/** The pattern as one regular expression, with a group for each column. */
function patternOf (node: Syntax, kind: string, flags: string): { pattern: RegExp, captures: Capture[] } {
  const captures: Capture[] = []
  const asRegex = kind === 'regex'
  const parts = list(node, 'Patterns')
  let source = ''
  parts.forEach((one, index) => {
    const what = kindOf(one)
    if (what.endsWith('StringLiteralExpression')) {
      const text = String(one.LiteralValue)
      source += asRegex ? text.replace(/\((?!\?)/g, '(?:').replace(/\\\(\?:/g, '\\(') : escaped(text)
    } else if (what === 'StarExpression') source += asRegex ? '.*?' : '(?s:.*?)'
    else {
      const typed = what === 'NameAndTypeDeclaration'
      const type = typed ? scalarNamed(part(one, 'Type').ToString().trim()) : 'string'
      captures.push({ name: nameOf(typed ? part(one, 'Name') : one), type })
      // Nothing else says where a number before a star ends.
      const beforeStar = parts[index + 1] !== undefined && kindOf(parts[index + 1]) === 'StarExpression'
      const number = asRegex || beforeStar ? NUMBERS[type] : undefined
      source += number === undefined ? asRegex ? '(.*)' : '((?s:.*?))' : kind === 'relaxed' ? `${number}?` : number
    }
  })
  // A pattern of literals must match the whole text; a regular expression may leave a rest.
  const last = parts.at(-1)
  const open = asRegex && last !== undefined && kindOf(last).endsWith('LiteralExpression')
  const pattern = regex(`^${source}${open ? '' : '$'}`, flags.replace(/[^imsU]/g, ''))
  return { pattern, captures }
}

function read (node: Syntax, context: Context): { captures: Capture[], values: (row: Row) => Value[] | undefined } {
  const options = parameters(node)
  const kind = (options.get('kind') ?? 'simple').toLowerCase()
  if (!/^(?:simple|regex|relaxed)$/.test(kind)) throw lacking(`parse kind=${kind}`, node)
  const { pattern, captures } = patternOf(node, kind, options.get('flags') ?? '')
  const text = textOf(compile(part(node, 'Expression'), context))
  return {
    captures,
    values (row) {
      const match = pattern.exec(text(row))
      if (match === null) return undefined
      const values = captures.map(({ type }, index) => fromText(match[index + 1] ?? '', type))
      // One value of the wrong type fails the match, unless it is relaxed.
      return kind !== 'relaxed' && values.some(value => value === null) ? undefined : values
    }
  }
}

function parsing (where: boolean): Operator {
  return (node: Syntax, input: Table, scope: Scope): Table => {
    const context = contextOf(input, scope)
    const { captures, values } = read(node, context)
    const columns = columnsOf(node)
    const from = columns.map(({ name }) => ({ capture: captures.findIndex(each => each.name === name), place: input.columns.findIndex(column => column.name === name) }))
    const rows: Row[] = []
    each(input, context, row => {
      const found = values(row)
      if (where && found === undefined) return
      scope.run.made1(columns.length)
      rows.push(from.map(({ capture, place }, index) => capture === -1 ? row[place] : found === undefined ? missing(columns[index].type) : found[capture]))
    })
    return { columns, rows, serialized: input.serialized }
  }
}

export const parse: Operator = parsing(false)
export const parseWhere: Operator = parsing(true)
