/** JSON text → values and back, with numbers keeping the digits that were written where a double cannot hold them. */

import { randomUUID } from 'node:crypto'

// Random, so that no text in the data can pass for a number.
const MARK = `number-${randomUUID()}:`
const MARKED = new RegExp(`"${MARK}([^"]+)"`, 'g')
// A double holds any number of fewer characters.
const LONG = 16
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

let isWritingExactly = false

/** A number of more digits than a double holds: behaves as the nearest double, and shows what was written. */
export class ExactNumber {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }

  toString (): string {
    return this.text
  }

  valueOf (): number {
    return Number(this.text)
  }

  toJSON (): number | string {
    return isWritingExactly ? MARK + this.text : Number(this.text)
  }
}

/**
 * `JSON.parse`, but for numbers that it would change: they are an ExactNumber. Texts without a long run of digits,
 * which is nearly all of them, pay for one look.
 * @throws SyntaxError where the text is not JSON
 */
export function parseExactly (text: string): unknown {
  const marked = hasLongNumber(text) ? markNumbers(text) : text
  if (marked === text) return JSON.parse(text)
  return JSON.parse(marked, (_name, value: unknown) => typeof value === 'string' && value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value)
}

/** `JSON.stringify` for what `parseExactly` gave. */
export function stringifyExactly (value: unknown): string {
  isWritingExactly = true
  try {
    const text = JSON.stringify(value)
    return text.includes(MARK) ? text.replaceAll(MARKED, '$1') : text
  } finally {
    isWritingExactly = false
  }
}

/** Looks at one character of sixteen, and further only where that is a digit. A pattern takes as long as half the parsing. */
function hasLongNumber (text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text, at)) continue
    let [first, last] = [at, at]
    while (isDigit(text, first - 1)) first--
    while (isDigit(text, last + 1)) last++
    if (last - first + 1 >= LONG) return true
  }
  return false
}

/** A digit, or the point between digits. */
function isDigit (text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return (code >= 48 && code <= 57) || code === 46
}

/** Makes texts of the numbers that a double would change. */
function markNumbers (text: string): string {
  let marked = ''
  let copied = 0
  const isOutside = createStringCheck(text)
  for (const { 0: number, index } of text.matchAll(NUMBER)) {
    if (number.length < LONG || String(Number(number)) === number || !isOutside(index)) continue
    marked += `${text.slice(copied, index)}"${MARK}${number}"`
    copied = index + number.length
  }
  return copied === 0 ? text : marked + text.slice(copied)
}

/** Tells whether a place in JSON is outside its strings; asked in ascending order. */
function createStringCheck (text: string): (at: number) => boolean {
  let quote = text.indexOf('"')
  let isOutside = true
  return at => {
    while (quote !== -1 && quote < at) {
      isOutside = !isOutside
      quote = isOutside ? text.indexOf('"', quote + 1) : endOfString(text, quote)
    }
    return isOutside
  }
}

/** The quote that ends the string which begins at `start`. */
function endOfString (text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

/** An odd number of backslashes stands before it. */
function isEscaped (text: string, at: number): boolean {
  let slashes = 0
  while (text.charCodeAt(at - slashes - 1) === 92) slashes++
  return slashes % 2 === 1
}
