/** Text that isn't JSON → the same without secrets. The text between two spaces is a URL, a connection string or a word. */
import { redactList, redactSpacedLists } from './connection-strings'
import { mayHoldHeader, redactBearer, redactHeaders } from './headers'
import type { IsSecret } from './names'
import { type UrlRedaction, mayHoldSecret } from './url'

const SIGN_OF_PAIR = /[=@]|%(?:25)*(?:3d|40)/gi
const CLOSING: Readonly<Record<string, string>> = Object.freeze({ '"': '"', "'": "'", '`': '`', '(': ')', '[': ']', '{': '}', '<': '>' })

/** @param isSecret for names in connection strings; `urls` has its own check for queries */
export function redactProse (input: string, urls: UrlRedaction, isSecret: IsSecret): string {
  let output = redactBearer(input)
  if (mayHoldHeader(output)) output = redactHeaders(output)
  return redactSpacedLists(redactRuns(output, urls, isSecret))
}

/** Redacts each run of characters without spaces that contains an `=` or `@`, plain or encoded. */
function redactRuns (input: string, urls: UrlRedaction, isSecret: IsSecret): string {
  let output = ''
  let copied = 0
  SIGN_OF_PAIR.lastIndex = 0
  for (let found = SIGN_OF_PAIR.exec(input); found !== null; found = SIGN_OF_PAIR.exec(input)) {
    let start = found.index
    while (start > copied && !isSpace(input.charCodeAt(start - 1))) start--
    let end = found.index
    while (end < input.length && !isSpace(input.charCodeAt(end))) end++
    output += input.slice(copied, start) + redactRun(input.slice(start, end), urls, isSecret)
    copied = end
    SIGN_OF_PAIR.lastIndex = end
  }
  return output + input.slice(copied)
}

function redactRun (run: string, { url, query }: UrlRedaction, isSecret: IsSecret): string {
  if (!isTarget(run)) return run.includes(';') ? redactList(run, isSecret) : run
  const [from, to] = boundsOf(run)
  const target = run.slice(from, to)
  // A posted form begins with a pair, and so does a connection string that contains a URL. An assignment does not.
  const safe = /^[^=&?#;/]+=[^?#]*[&;][^=&;]+=/.test(target) ? query(target) : url(target)
  return safe === target ? run : run.slice(0, from) + safe + run.slice(to)
}

export function isSpace (char: number): boolean {
  return char === 32 || (char >= 9 && char <= 13)
}

/** Whether it's a URL, a request target or a form, and not a connection string or a word with an `=` or `@` in it. */
function isTarget (run: string): boolean {
  if (/[?&#]|\/\/|\\\/|:\\\\/.test(run) || !/[=@]/.test(run)) return mayHoldSecret(run)
  const slash = run.indexOf('/')
  return (slash >= 0 && slash < run.indexOf(';')) || /%(?:25)*(?:3d|40)/i.test(run)
}

/** Where the URL begins and ends, without the quotes or brackets around it and the punctuation after those. */
function boundsOf (run: string): [from: number, to: number] {
  const scheme = run.indexOf('://')
  // The URL may be in the query of another URL that begins before it.
  const isInner = scheme < 0 || /[?&;#]/.test(run.slice(0, scheme))
  const from = isInner ? Math.max(0, run.search(/[^"'`([{<\\]/)) : beginOfScheme(run, scheme)
  let closing = ''
  for (let i = from - 1; i >= 0; i--) {
    const close = CLOSING[run[i]!]
    if (close === undefined) break
    while (i > 0 && run[i - 1] === '\\') {
      closing += '\\'
      i--
    }
    closing += close
  }
  if (closing === '') return [from, run.length]
  let end = run.length
  while (end > from && '.,;:!?'.includes(run[end - 1]!)) end--
  return run.startsWith(closing, end - closing.length) ? [from, end - closing.length] : [from, run.length]
}

function beginOfScheme (run: string, end: number): number {
  let from = end
  while (from > 0 && /[\w+.-]/.test(run[from - 1]!)) from--
  return from
}
