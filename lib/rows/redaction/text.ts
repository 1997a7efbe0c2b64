/** Free text (messages, stacks, properties, log lines) → the same without secrets: urls and JSON are found first, then treated by their structure. */
import { mayHoldHeader, redactBearer, redactHeaders } from './headers'
import { endOfValue, isJson, redactJson } from './json'
import { type IsSecret, REDACTED } from './names'
import { type UrlRedaction, mayHoldSecret } from './url'

// For most texts, this one look is all.
const QUICK = /[=@]|%(?:25)*(?:3d|40)|bearer |-(?:key|token|principal)|cookie|authoriz|client-?cert/i
const INTERESTING = /[=@]|%(?:25)*(?:3d|40)|bearer /gi
const SIGN_OF_PAIR = /[=@]|%(?:25)*(?:3d|40)/gi
// Nothing but a url or a request target, as most fields with an `=` are.
const TARGET = /^(?:[a-z][a-z0-9+.-]{0,20}:\/)?\/\S*$/i
const JSON_START = /[{[]\s{0,8}["{[]/g
/** How often it is tried to read what only looks like JSON. */
const MAX_FAILURES = 4
const URL_CHARACTERS = '=?&;@%/#'
// `Server=db; Password=…`: after a space only names that no sentence has there.
const SPACED = /;[ \t]{1,8}(?:password|pwd|passwd|passphrase|accountkey|sharedaccesskey|sharedaccesssignature|client_?secret)[ \t]{0,4}=[ \t]{0,4}/gi
const CLOSING: Readonly<Record<string, string>> = Object.freeze({ '"': '"', "'": "'", '`': '`', '(': ')', '[': ']', '{': '}', '<': '>' })

export interface TextRedaction {
  text: (text: string) => string
  /** The same, where most texts are JSON. */
  line: (line: string) => string
}

/** @param isSecret of a connection string's names, which are no query's */
export function createTextRedaction ({ url, query }: UrlRedaction, isSecret: IsSecret): TextRedaction {
  function text (input: string): string {
    if (!QUICK.test(input)) return input
    if (TARGET.test(input)) return url(input)
    return input.includes('"') ? redactMixed(input) : prose(input)
  }

  /** What is JSON in a text, by its structure; what is not, as prose. */
  function redactMixed (input: string): string {
    let output = ''
    let copied = 0
    let failures = 0
    let isPlain = true
    let seen = 0
    JSON_START.lastIndex = 0
    for (let found = JSON_START.exec(input); found !== null && failures < MAX_FAILURES; found = JSON_START.exec(input)) {
      const start = found.index
      JSON_START.lastIndex = start + 1
      // In a url it is a value, and treated with it.
      for (; seen < start; seen++) isPlain = isSpace(input.charCodeAt(seen)) || (isPlain && !URL_CHARACTERS.includes(input[seen]!))
      if (!isPlain) continue
      const end = endOfValue(input, start)
      const json = input.slice(start, end)
      if (!isJson(json)) {
        failures++
        continue
      }
      seen = end
      isPlain = true
      output += proseIn(input.slice(copied, start)) + redactJson(json, text, INTERESTING)
      copied = end
      JSON_START.lastIndex = end
    }
    return output + proseIn(input.slice(copied))
  }

  function proseIn (input: string): string {
    return QUICK.test(input) ? prose(input) : input
  }

  function prose (input: string): string {
    let output = redactBearer(input)
    if (mayHoldHeader(output)) output = redactHeaders(output)
    return redactConnectionStrings(redactRuns(output))
  }

  /** What has no space in it, and a sign of a url, pair by pair. */
  function redactRuns (input: string): string {
    let output = ''
    let copied = 0
    SIGN_OF_PAIR.lastIndex = 0
    for (let found = SIGN_OF_PAIR.exec(input); found !== null; found = SIGN_OF_PAIR.exec(input)) {
      let start = found.index
      while (start > copied && !isSpace(input.charCodeAt(start - 1))) start--
      let end = found.index
      while (end < input.length && !isSpace(input.charCodeAt(end))) end++
      output += input.slice(copied, start) + redactRun(input.slice(start, end))
      copied = end
      SIGN_OF_PAIR.lastIndex = end
    }
    return output + input.slice(copied)
  }

  function redactRun (run: string): string {
    if (!isTarget(run)) return run.includes(';') ? redactList(run) : run
    const [from, to] = boundsOf(run)
    const target = run.slice(from, to)
    // A form as it is posted begins with a pair; an assignment does not.
    const safe = /^[^=&?#;/]+=[^?#]*&[^=&]+=/.test(target) ? query(target) : url(target)
    return safe === target ? run : run.slice(0, from) + safe + run.slice(to)
  }

  /** `Server=db;Password=…;Port=1`; a value in quotes may hold a semicolon. */
  function redactList (list: string): string {
    const isList = list.indexOf('=') < list.lastIndexOf(';') && list.indexOf('=', list.indexOf(';')) >= 0
    let output = ''
    let copied = 0
    let name = isList ? 0 : list.indexOf(';') + 1
    for (let equals = list.indexOf('=', name); equals >= 0; equals = list.indexOf('=', name)) {
      const end = endOfItem(list, equals + 1)
      // What is before a semicolon has no value.
      const begin = list.lastIndexOf(';', equals) + 1
      if (end > equals + 1 && isSecret(list.slice(Math.max(begin, name), equals))) {
        output += list.slice(copied, equals + 1) + REDACTED
        copied = end
      }
      name = end + 1
    }
    return output + list.slice(copied)
  }

  return {
    text,
    line: line => QUICK.test(line) ? isJson(line) ? redactJson(line, text, INTERESTING) : text(line) : line
  }
}

function isSpace (char: number): boolean {
  return char === 32 || (char >= 9 && char <= 13)
}

/** A url, a request target or a form, not a connection string or a word with an `=` or `@` in it. */
function isTarget (run: string): boolean {
  if (/[?&#]|\/\/|\\\/|:\\\\/.test(run) || !/[=@]/.test(run)) return mayHoldSecret(run)
  const slash = run.indexOf('/')
  return (slash >= 0 && slash < run.indexOf(';')) || /%(?:25)*(?:3d|40)/i.test(run)
}

/** Where the url in it begins and ends: without the quotes or brackets just around it, and what is punctuation then. */
function boundsOf (run: string): [from: number, to: number] {
  const scheme = run.indexOf('://')
  const from = scheme < 0 ? Math.max(0, run.search(/[^"'`([{<\\]/)) : beginOfScheme(run, scheme)
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

function endOfItem (list: string, from: number): number {
  const quote = list[from]
  const close = quote === '"' || quote === "'" ? list.indexOf(quote, from + 1) : -1
  const end = list.indexOf(';', close < 0 ? from : close)
  return end < 0 ? list.length : end
}

function redactConnectionStrings (text: string): string {
  if (!text.includes(';')) return text
  let output = ''
  let copied = 0
  SPACED.lastIndex = 0
  while (SPACED.test(text)) {
    const from = SPACED.lastIndex
    let to = from
    const quote = text[from]
    if (quote === '"' || quote === "'") to = text.indexOf(quote, from + 1) + 1 || text.length
    while (to < text.length && text[to] !== ';' && !isSpace(text.charCodeAt(to))) to++
    output += text.slice(copied, from) + REDACTED
    copied = SPACED.lastIndex = to
  }
  return output + text.slice(copied)
}
