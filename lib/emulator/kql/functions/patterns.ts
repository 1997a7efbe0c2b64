/** Functions that take a regular expression. */
import { fromText } from '../convert'
import { cast, valueOf, type Expression, type ScalarFunction } from '../expression'
import { regex } from '../regex'
import { scalarNamed } from '../syntax'
import { textOf } from '../text'
import { missing, numberIn, type Row, type Value } from '../values'
import { over } from './define'

/** A constant pattern is compiled once. */
function patternOf (expression: Expression, flags: string, around: (source: string) => string = source => source): (row: Row) => RegExp {
  const of = textOf(expression)
  return row => regex(around(of(row)), flags)
}

const extract: ScalarFunction = ({ args: [pattern, group, source, typed], type, node }) => {
  const find = patternOf(pattern, '')
  const wanted = cast(group, 'long').of
  const text = textOf(source)
  // The fourth argument is a typeof().
  const to = typed === undefined ? type : scalarNamed(/typeof\s*\(\s*(\w+)\s*\)/i.exec(node.ToString())?.[1] ?? 'string')
  return row => {
    const found = find(row).exec(text(row))?.[Number(wanted(row))]
    return found === undefined ? missing(to) : fromText(found, to)
  }
}

/** One group gives a list of texts, several a list of lists. */
const extractAll: ScalarFunction = ({ args }) => {
  const find = patternOf(args[0], 'g')
  const text = textOf(args[args.length - 1])
  const chosen = args.length > 2 ? args[1].of : undefined
  return row => {
    const pattern = find(row)
    const wanted = chosen?.(row)
    const found = [...text(row).matchAll(pattern)].map(match => {
      const groups = Array.isArray(wanted)
        ? wanted.map(each => (typeof each === 'string' ? match.groups?.[each] : match[numberIn(each) ?? 0]) ?? '')
        : match.length === 1 ? [match[0]] : match.slice(1).map(each => each ?? '')
      return groups.length === 1 ? groups[0] : groups
    })
    return found.length === 0 ? null : found
  }
}

const replace: ScalarFunction = ({ args: [source, pattern, by] }) => {
  const [text, rewrite] = [textOf(source), textOf(by)]
  const find = patternOf(pattern, 'g')
  return row => text(row).replace(find(row), rewrite(row).replace(/\$/g, '$$$$').replace(/\\(\d)/g, (_, digit: string) => digit === '0' ? '$&' : `$${digit}`))
}

const countOf: ScalarFunction = ({ args: [source, wanted, kind] }) => {
  const [text, search] = [textOf(source), textOf(wanted)]
  if (kind !== undefined && valueOf(kind) === 'regex') {
    const find = patternOf(wanted, 'g')
    return row => [...text(row).matchAll(find(row))].length
  }
  return row => {
    const [given, sought] = [text(row), search(row)]
    if (sought === '') return 0
    let count = 0
    // Plain texts may overlap.
    for (let at = given.indexOf(sought); at !== -1; at = given.indexOf(sought, at + 1)) count++
    return count
  }
}

/** Removes a match at the start or the end once. */
function trim (start: boolean, end: boolean): ScalarFunction {
  return ({ args: [pattern, source] }) => {
    const text = textOf(source)
    const first = patternOf(pattern, '', each => `^(?:${each})`)
    const last = patternOf(pattern, '', each => `(?:${each})$`)
    return row => {
      let given = text(row)
      if (start) given = given.replace(first(row), '')
      if (end) given = given.replace(last(row), '')
      return given
    }
  }
}

/** The position of a match, in code points. */
const indexOf: ScalarFunction = ({ args: [source, pattern, start, count, occurrence] }) => {
  const text = textOf(source)
  const find = patternOf(pattern, 'g')
  return row => {
    const units = [...text(row)]
    const [from, length, wanted] = [[start, 0], [count, -1], [occurrence, 1]].map(([given, otherwise]) => typeof given === 'object' ? Number(given.of(row)) : otherwise as number)
    if (from < 0 || length < -1 || wanted < 1) return null
    const rest = units.slice(from, length === -1 ? undefined : from + length).join('')
    const match = [...rest.matchAll(find(row))][wanted - 1]
    return match === undefined ? -1 : from + [...rest.slice(0, match.index)].length
  }
}

export const patterns: Readonly<Record<string, ScalarFunction>> = {
  extract,
  extract_all: extractAll,
  extractall: extractAll,
  replace_regex: replace,
  replace: ({ args: [pattern, by, source], ...call }) => replace({ ...call, args: [source, pattern, by] }),
  countof: countOf,
  indexof_regex: indexOf,
  trim: trim(true, true),
  trim_start: trim(true, false),
  trim_end: trim(false, true),
  regex_quote: over(['string'], (text: string): Value => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')),
  has_any_index: over(['string', 'dynamic'], (text: string, wanted: Value): Value => Array.isArray(wanted)
    ? wanted.findIndex(each => new RegExp(`(?<![\\p{L}\\p{N}])${String(each).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'iu').test(text))
    : -1)
}
