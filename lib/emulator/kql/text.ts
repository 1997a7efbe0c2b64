/** has, contains, startswith, =~, matches regex … and search's own conditions. */
import { candidatesOf } from './comparison'
import { toText } from './convert'
import { compile, folded, valueOf, type Context, type Expression } from './expression'
import { regex } from './regex'
import { kindOf, lacking, list, part, placed, type Syntax } from './syntax'
import { JsonText, type Row } from './values'

type Test = (text: string, wanted: string) => boolean

/** Letters and digits form terms; everything else separates them. */
const WORD = /[\p{L}\p{N}]/u

function boundaryBefore (text: string, at: number): boolean {
  if (at === 0) return true
  const unit = text.charCodeAt(at - 1)
  // The second half of a surrogate pair is read with the first.
  const start = unit >= 0xdc00 && unit < 0xe000 ? at - 2 : at - 1
  return !WORD.test(String.fromCodePoint(text.codePointAt(Math.max(0, start)) ?? 0))
}

function boundaryAfter (text: string, at: number): boolean {
  return at >= text.length || !WORD.test(String.fromCodePoint(text.codePointAt(at) ?? 0))
}

function termTest (before: boolean, after: boolean): Test {
  return (text, wanted) => {
    if (wanted === '') return true
    // If a term starts or ends with neither a letter nor a digit, that side can be anywhere.
    const [first, last] = [before && !boundaryAfter(wanted, 0), after && !boundaryBefore(wanted, wanted.length)]
    for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) {
      if ((!first || boundaryBefore(text, at)) && (!last || boundaryAfter(text, at + wanted.length))) return true
    }
    return false
  }
}

export const hasTerm = termTest(true, true)
const contains: Test = (text, wanted) => text.includes(wanted)

const TESTS: Readonly<Record<string, Test>> = {
  Has: hasTerm,
  HasPrefix: termTest(true, false),
  HasSuffix: termTest(false, true),
  Contains: contains,
  StartsWith: (text, wanted) => text.startsWith(wanted),
  EndsWith: (text, wanted) => text.endsWith(wanted)
}

export function compileText (node: Syntax, context: Context): Expression {
  const kind = kindOf(node).replace('Expression', '')
  if (kind === 'MatchesRegex') return matches(node, context)
  if (kind === 'HasAny' || kind === 'HasAll') return hasMany(node, context, kind === 'HasAll')
  if (kind === 'EqualTilde' || kind === 'BangTilde') return build(node, context, (text, wanted) => text === wanted, true, kind === 'BangTilde')
  const match = /^(Not)?(Has|HasPrefix|HasSuffix|Contains|StartsWith|EndsWith)(Cs)?$/.exec(kind)
  if (match === null) throw lacking(kindOf(node), node)
  return build(node, context, TESTS[match[2]], match[3] === undefined, match[1] !== undefined)
}

function build (node: Syntax, context: Context, test: Test, loose: boolean, negative: boolean): Expression {
  const right = compile(part(node, 'Right'), context)
  const left = part(node, 'Left')
  // `* has "x"`: any column.
  const texts = kindOf(left) === 'StarExpression' ? allColumns(context) : undefined
  const value = texts === undefined ? compile(left, context) : undefined
  const wanted = textOf(right)
  const fixed = right.constant ? fold(wanted([]), loose) : undefined
  const holds = (text: string, row: Row): boolean => test(fold(text, loose), fixed ?? fold(wanted(row), loose))
  const of = value === undefined ? undefined : textOf(value)
  return folded({
    type: 'bool',
    constant: value?.constant === true && right.constant,
    of: of === undefined ? row => (texts ?? []).some(each => holds(each(row), row)) !== negative : row => holds(of(row), row) !== negative
  })
}

export function allColumns ({ columns }: Context): Array<(row: Row) => string> {
  return columns.map((column, index) => row => { const value = row[index]; return value instanceof JsonText ? value.text : toText(value, column.type) })
}

export function textOf ({ of, type }: Expression): (row: Row) => string {
  if (type === 'string') return row => of(row) as string
  return row => toText(of(row), type)
}

function fold (text: string, loose: boolean): string {
  return loose ? text.toLowerCase() : text
}

function matches (node: Syntax, context: Context): Expression {
  const [left, right] = [compile(part(node, 'Left'), context), compile(part(node, 'Right'), context)]
  const [text, pattern] = [textOf(left), textOf(right)]
  const build = (source: string): RegExp => placed(part(node, 'Right'), () => regex(source))
  const fixed = right.constant ? build(String(valueOf(right))) : undefined
  return folded({ type: 'bool', constant: left.constant && right.constant, of: row => (fixed ?? build(pattern(row))).test(text(row)) })
}

function hasMany (node: Syntax, context: Context, all: boolean): Expression {
  const value = compile(part(node, 'Left'), context)
  const text = textOf(value)
  const wanted = list(part(node, 'Right'), 'Expressions').flatMap(each => candidatesOf(each, context)).map(textOf)
  return folded({
    type: 'bool',
    constant: value.constant,
    of: row => {
      const given = text(row).toLowerCase()
      const has = (each: (row: Row) => string): boolean => hasTerm(given, each(row).toLowerCase())
      return all ? wanted.every(has) : wanted.some(has)
    }
  })
}
