/** URL or request target → the same without secrets, by its structure: userinfo, path parameters, query, fragment. */
import { type IsSecret, REDACTED, percentDecoded } from './names'

// A URL without one of these, plain or encoded any number of times, has neither pairs nor userinfo.
const MAY_HOLD_SECRET = /[=@]|%(?:25)*(?:3d|40)/i
const HIDDEN = /%(?:25)*(?:3d|40)/i
/** How many levels of nested URLs are decoded. Deeper ones are replaced as a whole. */
const MAX_DEPTH = 5
// The start of an authority. JSON may have escaped the slashes, and browsers accept backslashes instead.
const AUTHORITY = /(?:^|[:=]|%3a)(?:\/\/|\\\/\\\/|\\\\)/gi
const JSON_START = /[[{]|%(?:25)*[57]b/iy
const JSON_NAME = /"([^"\\]{1,64})"\s{0,8}:/g

const [PERCENT, AMPERSAND, SLASH, COLON, SEMICOLON, EQUALS, QUESTION, AT, HASH, OPEN_BRACKET, CLOSE_BRACKET] = [...'%&/:;=?@#[]'].map(char => char.charCodeAt(0)) as
  [number, number, number, number, number, number, number, number, number, number, number]

export interface UrlRedaction {
  /** For a text that is a URL or a request target as a whole. */
  url: (url: string) => string
  /** For a text that is a query without its `?`, or a query's value, as a whole: it begins with a pair. */
  query: (query: string) => string
}

export function mayHoldSecret (url: string): boolean {
  return MAY_HOLD_SECRET.test(url)
}

export function createUrlRedaction (isSecret: IsSecret): UrlRedaction {
  return {
    url: url => MAY_HOLD_SECRET.test(url) ? redactPairs(redactUserinfo(url), isSecret, false, 0) : url,
    query: query => MAY_HOLD_SECRET.test(query) ? redactPairs(redactUserinfo(query), isSecret, true, 0) : query
  }
}

/**
 * One pass from left to right. A pair begins after each of `?&;#=`, so that URLs within the query are covered as well. A
 * secret ends only at the next `&`, or at the `?` if it's in the path, whatever other characters it contains.
 */
function redactPairs (text: string, isSecret: IsSecret, startsWithPair: boolean, depth: number): string {
  let output = ''
  let copied = 0
  let inQuery = startsWithPair
  /** Where a name begins; -1 in a path segment without parameters. */
  let pair = startsWithPair ? 0 : -1
  /** Where the text after the last delimiter begins. It may be an encoded URL. */
  let piece = 0
  let isEncoded = false
  let jsonEnd = 0

  for (let i = 0; i <= text.length; i++) {
    let char = i < text.length ? text.charCodeAt(i) : AMPERSAND
    if (char === PERCENT) isEncoded = true
    if (char !== AMPERSAND && char !== EQUALS && char !== SEMICOLON && char !== SLASH && char !== QUESTION && char !== HASH) continue

    const hidden = isEncoded ? redactHidden(text.slice(piece, i), isSecret, depth) : undefined
    if (hidden !== undefined) {
      output += text.slice(copied, piece) + hidden
      // An encoded secret may continue in plain text.
      if (hidden.endsWith(REDACTED)) i = endOfValue(text, i, inQuery)
      char = i < text.length ? text.charCodeAt(i) : AMPERSAND
      copied = i
    }
    if (char === EQUALS && pair >= 0) {
      let end = isSecret(text.slice(pair, i)) ? endOfValue(text, i + 1, inQuery) : 0
      // JSON within JSON needs no search: the outer one is searched as a whole.
      if (end === 0 && i >= jsonEnd && isJson(text, i + 1)) {
        jsonEnd = endOfValue(text, i + 1, inQuery)
        if (holdsSecretName(text.slice(i + 1, jsonEnd), isSecret)) end = jsonEnd
      }
      if (end > i + 1) {
        output += text.slice(copied, i + 1) + REDACTED
        copied = i = end
        char = i < text.length ? text.charCodeAt(i) : AMPERSAND
      }
    }
    if (char === QUESTION || char === AMPERSAND || char === HASH) inQuery = true
    if (inQuery ? char !== SLASH : char === SEMICOLON || (char === EQUALS && pair >= 0)) pair = i + 1
    else if (!inQuery) pair = -1
    piece = i + 1
    isEncoded = false
  }
  return output + text.slice(copied)
}

function endOfValue (text: string, from: number, inQuery: boolean): number {
  const end = text.indexOf(inQuery ? '&' : '?', from)
  return end < 0 ? text.length : end
}

/** @returns undefined if there is nothing to hide */
function redactHidden (piece: string, isSecret: IsSecret, depth: number): string | undefined {
  if (!HIDDEN.test(piece)) return undefined
  if (depth === MAX_DEPTH) return REDACTED
  const plain = percentDecoded(piece)
  const safe = redactPairs(redactUserinfo(plain), isSecret, true, depth + 1)
  if (safe !== plain) return encodeURIComponent(safe.toWellFormed())
  return undefined
}

function isJson (text: string, at: number): boolean {
  JSON_START.lastIndex = at
  return JSON_START.test(text)
}

/** Whether a value is JSON with a secret in it, as in `filter={"password":"…"}`. */
function holdsSecretName (json: string, isSecret: IsSecret): boolean {
  for (const { 1: name } of percentDecoded(percentDecoded(json)).matchAll(JSON_NAME)) if (isSecret(name!)) return true
  return false
}

function redactUserinfo (url: string): string {
  const lastAt = url.lastIndexOf('@')
  let output = ''
  let copied = 0
  AUTHORITY.lastIndex = 0
  while (AUTHORITY.test(url)) {
    const start = AUTHORITY.lastIndex
    const at = endOfUserinfo(url, start, lastAt)
    if (at <= start) continue
    output += url.slice(copied, start) + REDACTED
    copied = at
    AUTHORITY.lastIndex = at
  }
  return output + url.slice(copied)
}

/** @returns the last `@` of the authority that begins at `start`, or the place where the text was cut off before it, or -1 */
function endOfUserinfo (url: string, start: number, lastAt: number): number {
  const end = endOfAuthority(url, start)
  let colon = -1
  let isIPv6 = false
  for (let i = end - 1; i >= start; i--) {
    const char = url.charCodeAt(i)
    if (char === AT) return i
    if (char === CLOSE_BRACKET && url.charCodeAt(start) === OPEN_BRACKET) isIPv6 = true
    if (char === COLON && colon < 0 && !isIPv6) colon = i
  }
  // If the text after the colon isn't a port, it's a password with a `/`, `?` or `#` that should have been encoded.
  if (end > lastAt) return endOfCutUserinfo(url, start, end)
  if (colon < 0 || isNumber(url, colon + 1, end)) return -1
  const first = url.indexOf('@', end)
  let at = endOfAuthority(url, first) - 1
  while (url.charCodeAt(at) !== AT) at--
  return at
}

/** A client drops the fragment, and a limit may cut the text anywhere. `next=https://user:pass` may be all that is left. */
function endOfCutUserinfo (url: string, start: number, end: number): number {
  if (end < url.length || url.charCodeAt(start) === OPEN_BRACKET) return -1
  let colon = -1
  for (let i = start; i < end; i++) {
    const char = url.charCodeAt(i)
    if (char === COLON && colon < 0) colon = i
    if (char === AMPERSAND) end = i
  }
  return colon < 0 || isNumber(url, colon + 1, end) ? -1 : end
}

function endOfAuthority (url: string, start: number): number {
  for (let i = start; i < url.length; i++) {
    const char = url.charCodeAt(i)
    if (char === SLASH || char === QUESTION || char === HASH) return i
  }
  return url.length
}

function isNumber (text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) < 48 || text.charCodeAt(i) > 57) return false
  return true
}
