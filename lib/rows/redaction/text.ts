/** Free text (messages, stacks, properties, log lines) → the same without secrets: urls and JSON are found first, then treated by their structure. */
import { endOfValue, isJson, redactJson } from './json'
import type { IsSecret } from './names'
import { isSpace, redactProse } from './prose'
import type { UrlRedaction } from './url'

// For most texts, this one look is all.
const QUICK = /[=@]|%(?:25)*(?:3d|40)|bearer |-(?:key|token|principal)|cookie|authoriz|client-?cert/i
const INTERESTING = /[=@]|%(?:25)*(?:3d|40)|bearer /gi
// Nothing but a url or a request target, as most fields with an `=` are.
const TARGET = /^(?:[a-z][a-z0-9+.-]{0,20}:\/)?\/\S*$/i
const JSON_START = /[{[]\s{0,8}["{[]/g
/** How often it is tried to read what only looks like JSON. */
const MAX_FAILURES = 4
const URL_CHARACTERS = '=?&;@%/#'

export interface TextRedaction {
  text: (text: string) => string
  /** The same, where most texts are JSON. */
  line: (line: string) => string
}

/** @param isSecret of a connection string's names, which are no query's */
export function createTextRedaction (urls: UrlRedaction, isSecret: IsSecret): TextRedaction {
  function text (input: string): string {
    if (!QUICK.test(input)) return input
    if (TARGET.test(input)) return urls.url(input)
    return input.includes('"') ? redactMixed(input) : redactProse(input, urls, isSecret)
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
      output += inProse(input.slice(copied, start)) + redactJson(json, text, INTERESTING)
      copied = end
      JSON_START.lastIndex = end
    }
    return output + inProse(input.slice(copied))
  }

  function inProse (input: string): string {
    return QUICK.test(input) ? redactProse(input, urls, isSecret) : input
  }

  return {
    text,
    line: line => QUICK.test(line) ? isJson(line) ? redactJson(line, text, INTERESTING) : text(line) : line
  }
}
