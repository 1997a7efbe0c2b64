/**
 * A regular expression as Kusto writes it → the source of JavaScript's, for its flags `v` and `s`.
 * @see https://learn.microsoft.com/kusto/query/regex
 */
import { invalid, type QueryError } from './errors'

/** `i`, `m`, `s`, `U` and `x`, as they are set at a place in the pattern. */
type Modes = ReadonlySet<string>

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d]'
const STARTS = `(?<!${WORD})(?=${WORD})`
const ENDS = `(?<=${WORD})(?!${WORD})`
/** Escapes for one of several characters, within brackets and outside. */
const SETS: Readonly<Record<string, string>> = { d: '\\p{Nd}', D: '\\P{Nd}', s: '\\p{White_Space}', S: '\\P{White_Space}', w: WORD, W: `[^${WORD}]` }
const BOUNDARIES: Readonly<Record<string, string>> = {
  b: `(?:${STARTS}|${ENDS})`,
  B: `(?!${STARTS}|${ENDS})`,
  A: '(?<!.)',
  z: '(?!.)',
  '<': STARTS,
  '>': ENDS,
  'b{start}': STARTS,
  'b{end}': ENDS,
  'b{start-half}': `(?<!${WORD})`,
  'b{end-half}': `(?!${WORD})`
}
const CONTROLS: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const NAMED: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t ',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f'
}

function wrongPattern (why: string): QueryError {
  return invalid(`Invalid regular expression: ${why}`)
}

/** A character that means itself. */
function literal (char: string, modes: Modes): string {
  const escaped = /[\p{L}\p{N}_ ]/u.test(char) ? char : `\\u{${char.codePointAt(0)!.toString(16)}}`
  const [small, large] = [char.toLowerCase(), char.toUpperCase()]
  return modes.has('i') && small !== large && small.length === large.length ? `[${small}${large}]` : escaped
}

/** `\p{Greek}` and so on: a category, a property or a script. */
function property (name: string, isNegative: boolean): string {
  const known = [name, name.toUpperCase(), `Script=${name}`, `Script=${name[0].toUpperCase()}${name.slice(1).toLowerCase()}`].find(each => {
    try {
      return new RegExp(`\\p{${each}}`, 'v') instanceof RegExp
    } catch {
      return false
    }
  })
  if (known === undefined) throw wrongPattern(`there is no Unicode class '${name}'`)
  return `\\${isNegative ? 'P' : 'p'}{${known}}`
}

class Translator {
  private at = 0

  constructor (private readonly pattern: string) {}

  /** Up to the end, or to the bracket that closes a group. */
  alternatives (outer: Modes, isGroup: boolean): string {
    let modes = outer
    let source = ''
    while (this.at < this.pattern.length) {
      if (isGroup && this.pattern[this.at] === ')') break
      const flags = this.take(/\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?\)/y)
      if (flags !== undefined) modes = changed(modes, flags)
      else source += this.item(modes)
    }
    return source
  }

  private item (modes: Modes): string {
    if (modes.has('x') && this.take(/\s+|#[^\n]*/y) !== undefined) return ''
    const quantifier = this.take(/([*+?]|\{\d+(?:,\d*)?\})(\??)/y)
    if (quantifier !== undefined) return `${quantifier[1]}${(quantifier[2] === '?') === modes.has('U') ? '' : '?'}`
    if (this.pattern[this.at] === '[') return this.brackets(modes)
    if (this.pattern[this.at] === '(') return this.group(modes)
    if (this.pattern[this.at] === '\\') return this.boundary() ?? this.escape(modes)
    const char = this.next()
    if (char === '.') return modes.has('s') ? '.' : '[^\\n]'
    if (char === '^') return modes.has('m') ? '(?<![^\\n])' : '^'
    if (char === '$') return modes.has('m') ? '(?![^\\n])' : '$'
    return char === '|' || char === ')' ? char : literal(char, modes)
  }

  private group (modes: Modes): string {
    if (this.take(/\(\?(?:<?[=!]|P=|>)/y) !== undefined) throw wrongPattern('Azure has neither lookarounds nor backreferences')
    const named = this.take(/\(\?P?<([^>]+)>/y)
    const flags = named === undefined ? this.take(/\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?:/y) : undefined
    const opening = named !== undefined ? `(?<${named[1].replace(/\W/g, '_')}>` : flags !== undefined ? '(?:' : this.next()
    const inner = this.alternatives(flags === undefined ? modes : changed(modes, flags), true)
    if (this.take(/\)/y) === undefined) throw wrongPattern('a group has no end')
    return `${opening}${inner})`
  }

  private boundary (): string | undefined {
    const found = this.take(/\\(b\{(?:start|end)(?:-half)?\}|[bBAz<>])/y)
    return found === undefined ? undefined : BOUNDARIES[found[1]]
  }

  /** An escape within brackets or outside. */
  private escape (modes: Modes): string {
    const set = this.take(/\\([dDsSwW])/y)
    if (set !== undefined) return SETS[set[1]]
    const unicode = this.take(/\\([pP])(?:\{(\^?)([^}]+)\}|(\w))/y)
    if (unicode !== undefined) return property(unicode[3] ?? unicode[4], (unicode[1] === 'P') !== (unicode[2] === '^'))
    return literal(this.escapedChar(), modes)
  }

  private escapedChar (): string {
    const code = this.take(/\\(?:[xuU]\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y)
    const octal = code === undefined ? this.take(/\\(0[0-7]{0,2}|[1-3][0-7]{2})/y) : undefined
    const point = code !== undefined ? Number.parseInt(code.slice(1).find(each => each !== undefined) ?? '', 16) : octal !== undefined ? Number.parseInt(octal[1], 8) : undefined
    if (point !== undefined) {
      if (point > 0x10ffff) throw wrongPattern('a character code is too large')
      return String.fromCodePoint(point)
    }
    if (this.take(/\\[1-9]/y) !== undefined) throw wrongPattern('Azure has neither lookarounds nor backreferences')
    this.next()
    if (this.at >= this.pattern.length) throw wrongPattern('nothing follows the last backslash')
    const char = this.next()
    if (/[A-Za-z]/.test(char) && !Object.hasOwn(CONTROLS, char)) throw wrongPattern(`there is no escape '\\${char}'`)
    return CONTROLS[char] ?? char
  }

  /** `[a-z]`, also nested, and with `&&`, `--` and `~~` between its parts, from left to right. */
  private brackets (modes: Modes): string {
    this.next()
    const isNegative = this.take(/\^/y) !== undefined
    let whole: string | undefined
    let operator: string | undefined
    let parts = this.take(/\]/y) === undefined ? '' : '\\]'
    for (;;) {
      const end = this.take(/\]|&&|--(?!\])|~~/y)
      if (end === undefined) {
        if (this.at >= this.pattern.length) throw wrongPattern('a character class has no end')
        parts += this.member(modes)
        continue
      }
      whole = whole === undefined ? `[${parts}]` : combined(whole, operator as string, `[${parts}]`)
      if (end[0] === ']') return isNegative ? `[^${whole}]` : whole
      operator = end[0]
      parts = ''
    }
  }

  private member (modes: Modes): string {
    const named = this.take(/\[:(\^?)(\w+):\]/y)
    if (named !== undefined) {
      if (!Object.hasOwn(NAMED, named[2])) throw wrongPattern(`there is no class [:${named[2]}:]`)
      return `[${named[1]}${NAMED[named[2]]}]`
    }
    if (this.pattern[this.at] === '[') return this.brackets(modes)
    if (modes.has('x') && this.take(/\s+/y) !== undefined) return ''
    const first = this.char()
    if (first === undefined) return this.escape(modes)
    if (this.take(/-(?![\]-])/y) === undefined) return literal(first, modes)
    const last = this.char()
    if (last === undefined) return `${literal(first, modes)}\\-${this.escape(modes)}`
    const plain: Modes = new Set()
    const range = `${literal(first, plain)}-${literal(last, plain)}`
    const other = [first, last].map(each => each === each.toLowerCase() ? each.toUpperCase() : each.toLowerCase())
    return modes.has('i') && /^(?:[a-z]{2}|[A-Z]{2})$/.test(first + last) ? `${range}${other.join('-')}` : range
  }

  /** One character within brackets; undefined if an escape for several comes next. */
  private char (): string | undefined {
    if (this.pattern[this.at] !== '\\') return this.next()
    if (/^\\[dDsSwWpP]/.test(this.pattern.slice(this.at, this.at + 2))) return undefined
    return this.escapedChar()
  }

  private next (): string {
    const char = String.fromCodePoint(this.pattern.codePointAt(this.at) ?? 0)
    this.at += char.length
    return char
  }

  private take (expected: RegExp): RegExpExecArray | undefined {
    expected.lastIndex = this.at
    const found = expected.exec(this.pattern)
    if (found === null) return undefined
    this.at += found[0].length
    return found
  }
}

function changed (modes: Modes, [, on, off = '']: RegExpExecArray): Modes {
  return new Set([...modes, ...on].filter(mode => !off.includes(mode)))
}

function combined (a: string, operator: string, b: string): string {
  return operator === '~~' ? `[[${a}--${b}][${b}--${a}]]` : `[${a}${operator}${b}]`
}

/** `modes`: what is set from the start. */
export function translated (pattern: string, modes: Iterable<string>): string {
  return new Translator(pattern).alternatives(new Set(modes), false)
}
