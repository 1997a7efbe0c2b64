/** A search → a predicate for stored rows. */
import { severity } from './fields'
import { kindOf, type Envelope, type Row } from './rows'
import { columnsOf } from './search-fields'
import { parseSearch, type Node, type Operator, type Term } from './search'
import type { Kept } from './store'
import { toRow } from './columns'

type Test = (record: Kept) => boolean
type FieldTerm = Extract<Term, { kind: 'field' }>
type Value = string | number | boolean | undefined

/** Columns stored beside the text, so that most searches need no parsing. */
const AT_HAND = new Set<keyof Row>(['type', 'itemId', 'name', 'message', 'resultCode', 'success', 'duration', 'severityLevel', 'exceptionType', 'problemId',
  'value', 'valueCount', 'dependencyType', 'target', 'id', 'operation_Id', 'operation_ParentId', 'operation_Name', 'cloud_RoleName', 'itemCount'])
/** Columns whose value appears in the text as it was sent. */
const AS_SENT = new Set<keyof Row>(['url', 'data', 'source', 'location', 'user_Id', 'user_AuthenticatedId', 'user_AccountId', 'session_Id', 'client_IP',
  'client_City', 'client_OS', 'client_Type', 'client_Model', 'cloud_RoleInstance', 'application_Version', 'sdkVersion', 'operation_SyntheticSource', 'innermostMessage', 'innermostType'])
const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, kb: 1_000, mb: 1_000_000, gb: 1_000_000_000 }

export function searchTest (text: string): Test {
  const tree = parseSearch(text)
  return tree === undefined ? () => true : testOf(tree)
}

function testOf (node: Node): Test {
  switch (node.kind) {
    case 'text': return node.text === '' ? () => true : textTest(node.text)
    case 'field': return fieldTest(node)
    case 'not': {
      const test = testOf(node.part)
      return record => !test(record)
    }
    default: {
      const tests = node.parts.map(testOf)
      return node.kind === 'and' ? record => tests.every(test => test(record)) : record => tests.some(test => test(record))
    }
  }
}

function textTest (text: string): Test {
  const found = finder(text)
  return record => found(record.text)
}

function fieldTest (term: FieldTerm): Test {
  const { field, operator, value } = term
  const columns = columnsOf(field)
  const compare = comparison(columns?.[0], operator, value)
  if (columns === undefined) return dimensionTest(term, compare)
  const negative = operator === '!='
  const maySkip = operator === ':' || operator === '='
  const mayHold = maySkip && columns.every(column => AS_SENT.has(column)) ? holder(value) : undefined
  return record => {
    if (mayHold !== undefined && !mayHold(record.text)) return false
    const values = columns.map(column => columnOf(record, column))
    return negative ? values.every(compare) : values.some(compare)
  }
}

function columnOf (record: Kept, column: keyof Row): Value {
  if (column === 'timestamp') return record.time
  if (AT_HAND.has(column)) {
    const value = record[column as keyof Kept] as Value
    // Long texts are stored truncated.
    if (typeof value !== 'string' || !value.endsWith('…')) return value
  }
  return rowOf(record)[column] as Value
}

function rowOf (record: Kept): Row {
  return toRow(JSON.parse(record.text) as Envelope, record.itemId)
}

/** `tenant:acme`, `customDimensions.tenant:acme`, `customMeasurements.copies>3`. */
function dimensionTest ({ field, operator, value }: FieldTerm, compare: (value: Value) => boolean): Test {
  const name = field.replace(/^custom(?:Dimensions|Measurements)\./i, '').toLowerCase()
  const mayHold = holder(name)
  const asText = field.includes('.') || operator !== ':' ? undefined : finder(`${field}:${value}`)
  return record => {
    if (mayHold(record.text)) {
      const { customDimensions, customMeasurements } = rowOf(record)
      for (const [key, given] of [...Object.entries(customDimensions), ...Object.entries(customMeasurements)]) if (key.toLowerCase() === name) return compare(given)
    }
    return operator === '!=' || asText?.(record.text) === true
  }
}

/** Whether a row's text can contain the value at all: much faster than parsing. */
function holder (value: string): (json: string) => boolean {
  const longest = value.split('*').sort((a, b) => b.length - a.length)[0]
  if (longest === '') return () => true
  const pattern = new RegExp(escape(JSON.stringify(longest).slice(1, -1)), 'i')
  return json => pattern.test(json)
}

function comparison (column: keyof Row | undefined, operator: Operator, wanted: string): (value: Value) => boolean {
  if (operator === ':' && wanted === '*') return value => value !== undefined && value !== ''
  if (operator === '!=') {
    const same = comparison(column, '=', wanted)
    return value => !same(value)
  }
  if (operator === ':' || operator === '=') return equality(column, operator, wanted)
  const limit = amount(column, wanted)
  if (Number.isNaN(limit)) return () => false
  const holds = ORDERS[operator]
  return value => {
    const given = typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : NaN
    return !Number.isNaN(given) && holds(given, limit)
  }
}

const ORDERS: Readonly<Record<'>' | '>=' | '<' | '<=', (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b, '>=': (a, b) => a >= b, '<': (a, b) => a < b, '<=': (a, b) => a <= b
}

function equality (column: keyof Row | undefined, operator: ':' | '=', wanted: string): (value: Value) => boolean {
  const number = amount(column, wanted)
  const fits = textComparison(column, operator, wanted.toLowerCase())
  return value => {
    if (value === undefined) return false
    if (typeof value === 'number' && !Number.isNaN(number)) return value === number
    return fits(String(value).toLowerCase())
  }
}

/** `GET *` matches the whole value, `5xx` a result code, `requests` a kind; other text may occur anywhere in the value. */
function textComparison (column: keyof Row | undefined, operator: ':' | '=', wanted: string): (value: string) => boolean {
  if (column === 'success') return value => value === (wanted === '1' ? 'true' : wanted === '0' ? 'false' : wanted)
  if (column === 'resultCode' && /^[1-5]xx$/.test(wanted)) return value => value.length === 3 && value[0] === wanted[0]
  if (column === 'type') {
    const kind = wanted.replace(/^custom(?=\w)/, '').replace(/ies$/, 'y').replace(/(?:results?|(?<=\w)s)$/, '')
    return value => value === kind
  }
  if (operator === ':' && wanted.includes('*')) return glob(wanted.split('*'))
  if (operator === '=' || column === 'resultCode') return value => value === wanted
  return value => value.includes(wanted)
}

/** Piece by piece, so that many stars in a long text take no longer than a few. */
function glob (pieces: string[]): (value: string) => boolean {
  const first = pieces[0]
  const last = pieces[pieces.length - 1]
  const between = pieces.slice(1, -1)
  return value => {
    if (!value.startsWith(first) || !value.endsWith(last)) return false
    let at = first.length
    for (const piece of between) {
      const found = value.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return at <= value.length - last.length
  }
}

/** A number with its unit, a severity by name, or a time; NaN for anything else. */
function amount (column: keyof Row | undefined, text: string): number {
  if (column === 'timestamp') return /^\d{10,}$/.test(text) ? Number(text) : Date.parse(text)
  if (column === 'severityLevel') return severity(text.toLowerCase().replace(/^info$/, 'information').replace(/^warn$/, 'warning')) ?? NaN
  const match = /^(-?\d+(?:\.\d+)?)([a-z]{0,3})$/i.exec(text)
  if (match === null) return NaN
  const unit = match[2] === '' ? 1 : UNITS[match[2].toLowerCase()]
  return Number(match[1]) * (unit ?? NaN)
}

function escape (text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

// Every row contains the envelope's own words, and nobody searches for them.
const FORM = new Set(['ver', 'name', 'time', 'sampleRate', 'seq', 'iKey', 'tags', 'data', 'baseType', 'baseData', 'properties',
  'measurements', 'id', 'duration', 'success', 'responseCode', 'resultCode', 'source', 'url', 'target', 'type', 'message',
  'severityLevel', 'exceptions', 'typeName', 'hasFullStack', 'stack', 'parsedStack', 'outerId', 'problemId', 'metrics', 'value',
  'count', 'min', 'max', 'stdDev', 'dataPointType', 'kind'])

/** Finds text in an envelope's JSON, ignoring case and the envelope's own words. */
function finder (wanted: string): (json: string) => boolean {
  const pattern = new RegExp(escape(JSON.stringify(wanted).slice(1, -1)), 'gi')
  return json => {
    pattern.lastIndex = 0
    for (let hit = pattern.exec(json); hit !== null; hit = pattern.exec(json)) {
      if (!isForm(json, hit.index)) return true
    }
    return false
  }
}

function isForm (json: string, at: number): boolean {
  const start = json.lastIndexOf('"', at) + 1
  const end = json.indexOf('"', at)
  if (end < 0) return false
  const token = json.slice(start, Math.min(end, start + 80))
  if (json[end + 1] === ':') return FORM.has(token) || token.startsWith('ai.')
  return token.startsWith('Microsoft.ApplicationInsights.') || kindOf(token) !== undefined
}
