/** Decompressed bytes → the telemetry items in them, one by one. */
import { HttpError } from './http-error'

/** Items per post. The smallest row that an SDK sends has about 400 bytes, so 10 MB can't hold more. */
export const MAX_ITEMS = 25_000
/** Longest item that is parsed, in bytes. Far above Azure's 64 KB, so that the answer can say why Azure would reject a row. */
export const MAX_ITEM = 1_000_000

/** Stands in for an item that is not JSON. */
export const NOT_JSON = Symbol('not JSON')
/** Stands in for an item longer than `MAX_ITEM`. */
export const TOO_LARGE = Symbol('too large')

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const NEWLINE = 0x0a
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * A JSON array, one object, or one object a line. JSON of 10 MB can become 200 MB of objects, so anything larger than one
 * item may be is read item by item.
 * @throws HttpError 400, 413, also during iteration
 */
export function itemsOf (body: Buffer): Iterable<unknown> {
  const start = firstByte(body)
  if (start === body.length) throw new HttpError(400, 'The body is empty: expected telemetry items as JSON')
  if (body.length > MAX_ITEM) return body[start] === OPEN_BRACKET ? elementsOf(body, start + 1) : linesOf(body)
  const whole = json(body.toString('utf8', start))
  if (whole !== NOT_JSON) return checked(Array.isArray(whole) ? whole : [whole])
  if (body[start] !== OPEN_BRACE || body.indexOf(NEWLINE, start) === -1) throw new HttpError(400, 'The body is not JSON')
  return linesOf(body)
}

function checked (items: unknown[]): unknown[] {
  if (items.length === 0) throw new HttpError(400, 'The body holds no telemetry items')
  if (items.length > MAX_ITEMS) throw tooMany()
  return items
}

/** One object a line. */
function * linesOf (body: Buffer): Generator<unknown> {
  let count = 0
  let at = firstByte(body)
  while (at < body.length) {
    const newline = body.indexOf(NEWLINE, at)
    const end = newline === -1 ? body.length : newline
    const item = itemOf(body, at, end)
    if (item !== undefined) {
      if (++count > MAX_ITEMS) throw tooMany()
      yield item
    }
    at = end + 1
  }
}

/** One line, or nothing if it is blank. */
export function itemOf (body: Buffer, start: number, end: number): unknown {
  if (end - start > MAX_ITEM) return TOO_LARGE
  const text = body.toString('utf8', start, end).trim()
  return text === '' ? undefined : json(text)
}

/** The elements of an array, starting after its bracket. */
function * elementsOf (body: Buffer, from: number): Generator<unknown> {
  let depth = 0
  let start = from
  let count = 0
  for (let at = from; at < body.length; at++) {
    const byte = body[at]
    if (byte === QUOTE) {
      at = endOfString(body, at)
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++
    } else if (depth > 0) {
      if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--
    } else if (byte === COMMA || byte === CLOSE_BRACKET) {
      const item = itemOf(body, start, at)
      if (item === undefined || item === NOT_JSON) throw new HttpError(400, 'The body is not JSON')
      if (++count > MAX_ITEMS) throw tooMany()
      yield item
      start = at + 1
      if (byte === CLOSE_BRACKET && body.toString('utf8', start).trim() === '') return
    }
  }
  throw new HttpError(400, 'The body is not JSON')
}

/** Position of the quote that closes the string starting at `start`, or the body's end if there is none. */
function endOfString (body: Buffer, start: number): number {
  for (let quote = body.indexOf(QUOTE, start + 1); quote !== -1; quote = body.indexOf(QUOTE, quote + 1)) {
    let before = quote - 1
    while (body[before] === BACKSLASH) before--
    if ((quote - before) % 2 === 1) return quote
  }
  return body.length
}

/** Position after white space and a byte order mark. */
function firstByte (body: Buffer): number {
  let at = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
  while (at < body.length && (body[at] === 0x20 || (body[at] >= 0x09 && body[at] <= 0x0d))) at++
  return at
}

function json (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return NOT_JSON
  }
}

function tooMany (): HttpError {
  return new HttpError(413, `The post holds more than ${MAX_ITEMS.toLocaleString('en')} telemetry items`)
}
