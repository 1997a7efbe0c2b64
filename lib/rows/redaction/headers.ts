/** Text that contains headers, such as dumps and error messages of clients → the same without the values of headers that carry credentials, and without passwords in the clients' `auth`. */
import { REDACTED, SECRET_HEADERS } from './names'

const HEADERS: ReadonlySet<string> = new Set(SECRET_HEADERS)
const LONGEST = Math.max(...SECRET_HEADERS.map(name => name.length))
// A quick check, because most texts contain no such header. Each of SECRET_HEADERS matches it.
export const HINT = /-(?:key|token|principal)|cookie|auth(?:oriz|["'`\\]{0,4} ?(?:: ?[{"'`\\]|,))|client-?cert/i
// Longest first, so that a name is never mistaken for a shorter one that begins the same way.
const NAME = new RegExp([...SECRET_HEADERS].sort((a, b) => b.length - a.length).join('|'), 'gi')
const BEARER = /\b(Bearer )(?=[^\s"'\\]{0,64}[\d._])[\w.~+/-]{8,}=*/gi

// HTTP clients keep `auth: { username, password }` in the configuration that their errors have, or `{ user, pass }`, or, as
// in the options of node:http, `auth: 'user:password'`.
const AUTH = /\bauth["'`\\]{0,4} ?: ?(?=[{"'`\\])/gi
const PASSWORD = /\bpass(?:word)?["'`\\]{0,4} ?: ?/gi

/** Whether a field of an `auth` object is its password. */
export function isPassword (name: string): boolean {
  return name === 'password' || name === 'pass'
}

/** Whether a text in `auth` is a user and a password, and not the name of a method. */
export function isUserinfo (text: string): boolean {
  return /^[^:\s]*:\S/.test(text)
}

export function isSecretHeader (name: string): boolean {
  return name.length <= LONGEST && HEADERS.has(name.toLowerCase())
}

export function mayHoldHeader (text: string): boolean {
  return HINT.test(text)
}

export function redactBearer (text: string): string {
  return /bearer /i.test(text) ? text.replace(BEARER, `$1${REDACTED}`) : text
}

/**
 * Finds `"cookie":"…"` and `"Cookie","…"` with any kind of quotes, escaped or not; `{ cookie: '…' }`; and `Cookie: …` at the
 * start of a line or after a quote, up to the end of the line.
 */
export function redactHeaders (text: string): string {
  let output = ''
  let copied = 0
  NAME.lastIndex = 0
  for (let match = NAME.exec(text); match !== null; match = NAME.exec(text)) {
    const value = valueOf(text, match.index, match.index + match[0].length)
    if (value === undefined) continue
    output += text.slice(copied, value.from) + value.replacement
    copied = value.to
    NAME.lastIndex = value.to
  }
  return redactAuth(output + text.slice(copied))
}

/** Finds `auth: { username: 'a', password: '…' }` and `auth: 'a:…'` with any kind of quotes, escaped or not. */
export function redactAuth (text: string): string {
  let output = ''
  let copied = 0

  function hide (from: number, to: number, isSecret: (text: string) => boolean): void {
    const quote = /^\\{0,7}["'`]/.exec(text.slice(from, from + 8))?.[0]
    // null and undefined have no quotes.
    if (quote === undefined || !isSecret(text.slice(from + quote.length, to - quote.length))) return
    output += `${text.slice(copied, from)}${quote}${REDACTED}${quote}`
    copied = to
  }

  AUTH.lastIndex = 0
  for (let found = AUTH.exec(text); found !== null; found = AUTH.exec(text)) {
    const start = AUTH.lastIndex
    // Goes on after the object, so that hostile text isn't read again and again.
    const end = AUTH.lastIndex = endOfValue(text, start)
    if (text[start] !== '{') {
      hide(start, end, isUserinfo)
      continue
    }
    const object = text.slice(start, end)
    PASSWORD.lastIndex = 0
    while (PASSWORD.exec(object) !== null) {
      const from = PASSWORD.lastIndex
      const to = PASSWORD.lastIndex = Math.max(from, endOfValue(object, from))
      hide(start + from, start + to, secret => secret !== '')
    }
  }
  return output + text.slice(copied)
}

interface Value { from: number, to: number, replacement: string }

/** The value that follows the name. @returns undefined if the name is only a word in a text */
function valueOf (text: string, start: number, end: number): Value | undefined {
  const quote = quoteBefore(text, start)
  if (quote !== '' && text.startsWith(quote, end)) {
    const separator = skipSpace(text, end + quote.length)
    if (text[separator] !== ':' && text[separator] !== ',') return undefined
    const from = skipSpace(text, separator + 1)
    const to = endOfValue(text, from)
    return to === from ? undefined : { from, to, replacement: `${quote}${REDACTED}${quote}` }
  }
  const colon = text[end] === ' ' ? end + 1 : end
  if (text[colon] !== ':') return undefined
  const from = skipSpace(text, colon + 1, ' \t')
  // util.inspect() shows names without quotes, but values with quotes.
  if (/["'`[{]/.test(text[from] ?? '') && /[\s{,]/.test(text[start - 1] ?? ' ')) {
    return { from, to: endOfValue(text, from), replacement: `'${REDACTED}'` }
  }
  if (start > 0 && quote === '' && !/[\n\r]/.test(text[start - 1]!) && !/\\[nr]$/.test(text.slice(Math.max(0, start - 2), start))) return undefined
  const to = endOfLine(text, from)
  return to === from ? undefined : { from, to, replacement: REDACTED }
}

/** The quote just before `at`, with the backslashes that escape it. */
function quoteBefore (text: string, at: number): string {
  const quote = text[at - 1]
  if (quote !== '"' && quote !== "'" && quote !== '`') return ''
  let start = at - 1
  while (text[start - 1] === '\\') start--
  return text.slice(start, at)
}

function skipSpace (text: string, from: number, space = ' \t\r\n'): number {
  let i = from
  while (i < text.length && space.includes(text[i]!)) i++
  return i
}

function endOfLine (text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const char = text[i]
    if (char === '\n' || char === '\r' || (char === '\\' && (text[i + 1] === 'n' || text[i + 1] === 'r'))) return i
  }
  return text.length
}

/** If a value has no end, it extends to the end of the text. */
function endOfValue (text: string, from: number): number {
  let i = from
  let depth = 0
  do {
    const char = text[i]
    if (char === '"' || char === "'" || char === '`' || (char === '\\' && /["'`\\]/.test(text[i + 1] ?? ''))) i = endOfQuoted(text, i)
    else {
      if (char === '[' || char === '{') depth++
      else if (char === ']' || char === '}') depth--
      else if (depth === 0) return endOfWord(text, i)
      i++
    }
  } while (depth > 0 && i < text.length)
  return Math.min(i, text.length)
}

/** A quoted text ends at the next quote of the same kind with the same number of backslashes before it. */
function endOfQuoted (text: string, from: number): number {
  let open = from
  while (text[open] === '\\') open++
  const quote = text[open]
  if (quote !== '"' && quote !== "'" && quote !== '`') return open
  for (let at = text.indexOf(quote, open + 1); at >= 0; at = text.indexOf(quote, at + 1)) {
    let start = at
    while (start > open + 1 && text[start - 1] === '\\') start--
    if (at - start === open - from) return at + 1
  }
  return text.length
}

function endOfWord (text: string, from: number): number {
  for (let i = from; i < text.length; i++) if (/[\s,}\]]/.test(text[i]!)) return i
  return text.length
}
