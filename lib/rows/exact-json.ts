/** JSON text → values and back. Numbers with more digits than a double can hold keep all of them. */

import { randomUUID } from 'node:crypto'

// Random, so that no text in the data can look like a marked number.
const MARK = `number-${randomUUID()}:`
const MARKED = new RegExp(`"${MARK}([^"]+)"`, 'g')
// In characters. A double can hold all digits of a shorter number.
const LONG = 16
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

let isWritingExactly = false

/** A number with more digits than a double can hold. It behaves like the nearest double, but prints all its digits. */
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
 * Like `JSON.parse`, but a number that `JSON.parse` would change becomes an ExactNumber. Nearly all texts have no long
 * run of digits, and cost only one quick scan.
 * @throws SyntaxError if the text is not JSON
 */
export function parseExactly (text: string): unknown {
  const marked = hasLongNumber(text) ? markNumbers(text) : text
  if (marked === text) return JSON.parse(text)
  return JSON.parse(marked, (_name, value: unknown) => typeof value === 'string' && value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value)
}

/** `JSON.stringify` for values from `parseExactly`. */
export function stringifyExactly (value: unknown): string {
  isWritingExactly = true
  try {
    const text = JSON.stringify(value)
    return text.includes(MARK) ? text.replaceAll(MARKED, '$1') : text
  } finally {
    isWritingExactly = false
  }
}

/** Checks every 16th character, and its neighbors only if it's a digit. A regular expression would take half as long as the parsing. */
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

/** Whether it's a digit or a decimal point. */
function isDigit (text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return (code >= 48 && code <= 57) || code === 46
}

/** Turns the numbers that a double would change into marked strings. */
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

/** Returns a function that tells whether an index in the JSON is outside its strings. Call it with ascending indexes. */
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

/** @returns the index of the quote that ends the string at `start`, or -1 */
function endOfString (text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

/** True if an odd number of backslashes precedes it. */
function isEscaped (text: string, at: number): boolean {
  let slashes = 0
  while (text.charCodeAt(at - slashes - 1) === 92) slashes++
  return slashes % 2 === 1
}
