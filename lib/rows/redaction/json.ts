/** Valid JSON → valid JSON with every string redacted, and the values of credential headers, and passwords in `auth`, replaced as a whole. */
import { isPassword, isSecretHeader, isUserinfo, mayHoldHeader } from './headers'
import { REDACTED } from './names'

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\[]{}'].map(char => char.charCodeAt(0)) as
  [number, number, number, number, number, number]
const BLANK = JSON.stringify(REDACTED)

export function isJson (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * @param redact gets a string's content, unescaped; returns the same string if there is nothing to hide
 * @param interesting finds, from its `lastIndex` on, something that every text with a secret contains
 */
export function redactJson (json: string, redact: (text: string) => string, interesting: RegExp): string {
  return mayHoldHeader(json) ? redactWithHeaders(json, redact) : redactTexts(json, redact, interesting)
}

/** Skips most strings without looking into them. */
function redactTexts (json: string, redact: (text: string) => string, interesting: RegExp): string {
  let output = ''
  let copied = 0
  let next = find(interesting, json, 0)
  for (let start = json.indexOf('"'); start >= 0 && next < json.length;) {
    const end = endOfString(json, start)
    if (next < end) {
      const safe = redactString(json, start, end, redact)
      if (safe !== undefined) {
        output += json.slice(copied, start) + safe
        copied = end
      }
      next = find(interesting, json, end)
    }
    start = json.indexOf('"', end)
  }
  return output + json.slice(copied)
}

function find (what: RegExp, text: string, from: number): number {
  what.lastIndex = from
  return what.exec(text)?.index ?? text.length
}

/** @returns undefined if there is nothing to hide */
function redactString (json: string, from: number, to: number, redact: (text: string) => string): string | undefined {
  const content = json.slice(from + 1, to - 1)
  const plain = content.includes('\\') ? JSON.parse(json.slice(from, to)) as string : content
  const safe = redact(plain)
  return safe === plain ? undefined : JSON.stringify(safe)
}

function redactWithHeaders (json: string, redact: (text: string) => string): string {
  let output = ''
  let copied = 0
  /** The enclosing arrays and objects: true for an array. */
  const around: boolean[] = []
  /** `{"name":"Cookie","value":"…"}`: the depth of the object whose value must be hidden. */
  let named = -1
  /** `"auth":{"username":"…","password":"…"}`, in the configuration of HTTP clients: the depth of the object. */
  let auth = -1
  /** `"command":{"name":"auth","args":["…"]}`, in the errors of ioredis: the depth of the object. */
  let command = -1

  /** Whether the value after this string must be hidden. */
  function isName (content: string, separator: number): boolean {
    const isHeader = isSecretHeader(content)
    const depth = around.length
    if (json[separator] === ':') {
      if (content === 'auth') {
        const from = skipSpace(json, separator + 1)
        if (json[from] === '{') auth = depth + 1
        else if (json[from] === '"') return isUserinfo(json.slice(from + 1, endOfString(json, from) - 1))
      }
      return isHeader || (named === depth && content === 'value') || (auth === depth && isPassword(content)) || (command === depth && content === 'args')
    }
    if (content === 'auth' && around.at(-1) === false) command = depth
    if (!isHeader) return false
    if (around.at(-1) === false) named = around.length
    // In `rawHeaders`, names and values alternate.
    return around.at(-1) === true && json[separator] === ',' && json[skipSpace(json, separator + 1)] === '"'
  }

  for (let i = 0; i < json.length;) {
    const char = json.charCodeAt(i)
    if (char !== QUOTE) {
      if (char === OPEN_ARRAY || char === OPEN_OBJECT) around.push(char === OPEN_ARRAY)
      else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) {
        if (around.length === named) named = -1
        if (around.length === auth) auth = -1
        if (around.length === command) command = -1
        around.pop()
      }
      i++
      continue
    }
    let from = i
    let to = endOfString(json, i)
    i = to
    const separator = skipSpace(json, to)
    let safe
    if (isName(json.slice(from + 1, to - 1), separator)) {
      from = skipSpace(json, separator + 1)
      to = i = isEmpty(json, from) ? from : endOfValue(json, from)
      safe = from === to ? undefined : BLANK
    } else {
      safe = redactString(json, from, to, redact)
    }
    if (safe === undefined) continue
    output += json.slice(copied, from) + safe
    copied = to
  }
  return output + json.slice(copied)
}

/** null, true and false contain no secrets. */
function isEmpty (json: string, at: number): boolean {
  return json[at] === 'n' || json[at] === 't' || json[at] === 'f'
}

function skipSpace (json: string, from: number): number {
  let i = from
  while (json.charCodeAt(i) <= 32) i++
  return i
}

/** @returns the index after the closing quote, or the end of the text */
export function endOfString (json: string, from: number): number {
  for (let at = json.indexOf('"', from + 1); at >= 0; at = json.indexOf('"', at + 1)) {
    let start = at
    while (json.charCodeAt(start - 1) === BACKSLASH) start--
    if ((at - start) % 2 === 0) return at + 1
  }
  return json.length
}

/** @returns the index after the string, array, object or number; the end of the text if it isn't closed */
export function endOfValue (json: string, from: number): number {
  let depth = 0
  let i = from
  do {
    const char = json.charCodeAt(i)
    if (char === QUOTE) i = endOfString(json, i)
    else {
      if (char === OPEN_ARRAY || char === OPEN_OBJECT) depth++
      else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) depth--
      else if (depth === 0) return endOfNumber(json, i)
      i++
    }
  } while (depth > 0 && i < json.length)
  return i
}

function endOfNumber (json: string, from: number): number {
  let i = from
  while (i < json.length && !',}] \t\r\n'.includes(json[i]!)) i++
  return i
}
