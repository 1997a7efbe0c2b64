/** String functions. Lengths and positions count code points, not UTF-16 units. */
import { toText } from '../convert'
import { invalid } from '../errors'
import type { ScalarFunction } from '../expression'
import { textOf } from '../text'
import { numberIn, type Value } from '../values'
import { over, withNulls } from './define'

const isPlain = (text: string): boolean => !/[\ud800-\udfff]/.test(text)

export function points (text: string): readonly string[] {
  return [...text]
}

function length (text: string): number {
  return isPlain(text) ? text.length : points(text).length
}

function substring (text: string, start: number, count = Infinity): string {
  const begin = start < 0 ? Math.max(0, length(text) + start) : start
  if (count < 0) return ''
  return isPlain(text) ? text.slice(begin, begin + count) : points(text).slice(begin, begin + count).join('')
}

function indexOf (text: string, wanted: string, start = 0, count = -1, occurrence = 1): number | null {
  if (occurrence === 0 || count < -1) return null
  const [units, sought] = [points(text), points(wanted)]
  const begin = start < 0 ? Math.max(0, units.length + start) : start
  const end = count === -1 ? units.length : Math.min(units.length, begin + count)
  let left = occurrence
  for (let at = begin; at + sought.length <= end; at++) {
    if (sought.every((unit, index) => units[at + index] === unit) && --left === 0) return at
  }
  return -1
}

function replaceAll (text: string, wanted: string, by: string): string {
  return wanted === '' ? text : text.split(wanted).join(by)
}

/** All in one pass: what was put in is not replaced again. Of several that match at one place, the first in the list counts. */
function replaceSeveral (text: string, from: Value, to: Value): string {
  if (!Array.isArray(from) || !Array.isArray(to)) return text
  const wanted = from.flatMap((each, index): Array<[string, Value]> => typeof each === 'string' && each !== '' ? [[each, to[index] ?? null]] : [])
  if (wanted.length === 0) return text
  const rewrites = new Map(wanted.toReversed())
  return text.replace(new RegExp(wanted.map(([each]) => each.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|'), 'g'), found => {
    const rewrite = rewrites.get(found)
    return typeof rewrite === 'string' ? rewrite : found
  })
}

/** As forms are sent: a space is `+`, hexadecimal digits are small. */
function encodedForm (text: string): string {
  return encodedComponent(text).replaceAll('%20', '+')
}

function encodedComponent (text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/%[0-9A-F]{2}/g, code => code.toLowerCase()).replaceAll("'", '%27').replaceAll('~', '%7e')
}

function split (text: string, delimiter: string, wanted: number | null = null): Value {
  const found = delimiter === '' ? [text] : text.split(delimiter)
  if (wanted === null) return found
  const one = found[wanted < 0 ? found.length + wanted : wanted]
  return one === undefined ? null : [one]
}

const concatenated: ScalarFunction = ({ args }) => {
  const texts = args.map(textOf)
  return row => {
    let text = ''
    for (const of of texts) text += of(row)
    return text
  }
}

const delimited: ScalarFunction = ({ args: [delimiter, ...others] }) => {
  const between = textOf(delimiter)
  const texts = others.map(textOf)
  return row => texts.map(of => of(row)).join(between(row))
}

function joined (list: Value, delimiter: string): string {
  return Array.isArray(list) ? list.map(each => toText(each, 'dynamic')).join(delimiter) : ''
}

function translate (from: string, to: string, text: string): string {
  const [wanted, given] = [points(from), points(to)]
  return points(text).map(unit => {
    const at = wanted.indexOf(unit)
    return at === -1 ? unit : given[Math.min(at, given.length - 1)] ?? ''
  }).join('')
}

function repeat (text: string, times: number, delimiter = ''): string {
  if (times * (text.length + delimiter.length) > 10_000_000) throw invalid('strrep() would make more than 10 MB')
  return Array.from({ length: Math.max(0, times) }, () => text).join(delimiter)
}

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

function decoded (text: string, read: (text: string) => string): string {
  try {
    return read(text)
  } catch {
    return ''
  }
}

function pattern (delimiters: string, text: string): string[] {
  return text.split(new RegExp(`[${delimiters.replace(/[\]\\^-]/g, '\\$&')}]`))
}

function formatBytes (size: number, precision = 0, unit = ''): string {
  const units = ['Bytes', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB']
  const chosen = unit === '' ? Math.max(0, Math.min(units.length - 1, Math.floor(Math.log2(Math.abs(size) || 1) / 10))) : units.indexOf(unit)
  const value = size / 1024 ** Math.max(0, chosen)
  return `${Number(value.toFixed(precision))} ${units[chosen] ?? 'Bytes'}`
}

export const strings: Readonly<Record<string, ScalarFunction>> = {
  strlen: over(['string'], length),
  string_size: over(['string'], (text: string) => Buffer.byteLength(text)),
  toupper: over(['string'], (text: string) => text.toUpperCase()),
  tolower: over(['string'], (text: string) => text.toLowerCase()),
  reverse: over(['string'], (text: string) => points(text).toReversed().join('')),
  substring: over(['string', 'long'], substring),
  indexof: over(['string', 'string', 'long'], indexOf),
  replace_string: over(['string'], replaceAll),
  replace_strings: over(['string', 'dynamic'], replaceSeveral),
  split: withNulls(['string', 'string', 'long'], split),
  strcat: concatenated,
  strcat_delim: delimited,
  strcat_array: withNulls(['dynamic', 'string'], joined),
  array_strcat: withNulls(['dynamic', 'string'], joined),
  strcmp: over(['string'], compare),
  strrep: ({ args, ...call }) => over(['string', 'long', 'string'], repeat)({ ...call, args }),
  string_translate: over(['string'], translate),
  translate: over(['string'], translate),
  isempty: ({ args: [value] }) => { const of = textOf(value); return row => of(row) === '' },
  isnotempty: ({ args: [value] }) => { const of = textOf(value); return row => of(row) !== '' },
  notempty: ({ args: [value] }) => { const of = textOf(value); return row => of(row) !== '' },
  isascii: over(['string'], (text: string) => Buffer.byteLength(text) === text.length),
  isutf8: over(['string'], (text: string) => text.isWellFormed()),
  make_string: ({ args }) => over(['dynamic'], (...codes: Value[]) => codes.flat().map(code => String.fromCodePoint(numberIn(code) ?? 0xfffd)).join(''))({ args } as never),
  unicode_codepoints_from_string: over(['string'], (text: string) => points(text).map(unit => unit.codePointAt(0) ?? 0)),
  to_utf8: over(['string'], (text: string) => points(text).map(unit => unit.codePointAt(0) ?? 0)),
  unicode_codepoints_to_string: withNulls(['dynamic'], (...codes: Value[]) => codes.flat().map(code => String.fromCodePoint(numberIn(code) ?? 0xfffd)).join('')),
  url_encode: over(['string'], encodedForm),
  url_encode_component: over(['string'], encodedComponent),
  url_decode: over(['string'], (text: string) => decoded(text, decodeURIComponent)),
  base64_encode_tostring: over(['string'], (text: string) => Buffer.from(text).toString('base64')),
  base64_encodestring: over(['string'], (text: string) => Buffer.from(text).toString('base64')),
  base64_decode_tostring: over(['string'], (text: string) => Buffer.from(text, 'base64').toString()),
  base64_decodestring: over(['string'], (text: string) => Buffer.from(text, 'base64').toString()),
  format_bytes: over(['real', 'long', 'string'], formatBytes),
  tokenize: over(['string'], (text: string) => pattern(' ', text))
}
