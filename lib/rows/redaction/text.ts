/** Free text (messages, stacks, properties, log lines) → the same without secrets. Finds URLs and JSON first, then redacts them by their structure. */
import { HINT, redactAuth } from './headers'
import { endOfValue, isJson, redactJson } from './json'
import type { IsSecret } from './names'
import { isSpace, redactProse } from './prose'
import type { UrlRedaction } from './url'

// A quick check, because most texts contain none of these.
const QUICK = new RegExp(`[=@]|%(?:25)*(?:3d|40)|bearer |${HINT.source}`, 'i')
const INTERESTING = /[=@]|%(?:25)*(?:3d|40)|bearer /gi
// A whole text that is a URL or a request target, like most fields with an `=`.
const TARGET = /^(?:[a-z][a-z0-9+.-]{0,20}:\/)?\/\S*$/i
const JSON_START = /[{[]\s{0,8}["{[]/g
/** Stop looking for JSON after this many parts that only look like it. */
const MAX_FAILURES = 4
const URL_CHARACTERS = '=?&;@%/#'
// In characters: methods, versions, addresses, short routes. Anything longer may be a slice, which keeps the text that it is a part of.
const LONGEST_REMEMBERED = 12

export interface TextRedaction {
  /** Whether the text contains nothing that even looks like a secret. */
  isClean: (text: string) => boolean
  text: (text: string) => string
  /** The same, for texts that are usually JSON. */
  line: (line: string) => string
}

/** @param isSecret for names in connection strings; `urls` has its own check for queries */
export function createTextRedaction (urls: UrlRedaction, isSecret: IsSecret): TextRedaction {
  /** The last clean text of each length. A request's values are mostly those of the request before. */
  const remembered: string[] = new Array(LONGEST_REMEMBERED + 1).fill('')

  function isClean (input: string): boolean {
    const { length } = input
    if (length > LONGEST_REMEMBERED) return !QUICK.test(input)
    if (remembered[length] === input) return true
    if (QUICK.test(input)) return false
    remembered[length] = input
    return true
  }

  function text (input: string): string {
    if (isClean(input)) return input
    if (TARGET.test(input)) return urls.url(input)
    return input.includes('"') ? redactMixed(input) : redactProse(input, urls, isSecret)
  }

  /** Redacts JSON in a text by its structure, and the rest as prose. */
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
      // JSON in a URL is a value, and is redacted with the URL.
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
      output += inProse(input.slice(copied, start)) + redactJson(json, text, INTERESTING)
      copied = end
      JSON_START.lastIndex = end
    }
    output += inProse(input.slice(copied))
    // In JSON that was cut off, an object is found without the name before it.
    return failures > 0 ? redactAuth(output) : output
  }

  function inProse (input: string): string {
    return QUICK.test(input) ? redactProse(input, urls, isSecret) : input
  }

  return {
    isClean,
    text,
    line: line => QUICK.test(line) ? isJson(line) ? redactJson(line, text, INTERESTING) : text(line) : line
  }
}
