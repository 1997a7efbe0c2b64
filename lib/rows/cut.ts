/** Text that is too long → its beginning, and a mark with its original length. All texts are cut with the same mark. */

// An escape, because a single character beyond Latin-1 would double the size of the whole bundle in memory.
const MARKED = /\u2026\(cut from ((?:over )?\d{1,15})\)$/
/** In characters. If less than this is allowed, no mark is added: in an id, for example, it would look like part of the text. */
const SHORTEST_MARKED = 64

/** Cuts `text` to `max` characters. */
export function cut (text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed()
  const mark = max < SHORTEST_MARKED ? '' : markOf(text)
  return text.slice(0, max - mark.length).toWellFormed() + mark
}

/**
 * Cuts `text` to `max` bytes of UTF-8.
 * @param isWhole false if the text was not written to its end, because it was already too long
 */
export function cutBytes (text: string, max: number, isWhole = true): string {
  // A UTF-16 character takes three bytes at most, so most values don't have to be counted.
  if (text.length * 3 <= max) return text
  // Don't encode a whole megabyte if only a few kilobytes may be sent.
  const bytes = Buffer.from(text.length > max ? text.slice(0, max + 1) : text)
  if (bytes.length <= max) return text
  const mark = isWhole ? markOf(text) : `…(cut from over ${text.length})`
  let end = max - Buffer.byteLength(mark)
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + mark
}

/** Cuts `text` to `max` bytes of JSON, including the quotes. */
export function cutJson (text: string, max: number): string {
  const mark = markOf(text)
  const room = max - 2 - Buffer.byteLength(mark)
  let size = 0
  for (let at = 0; at < text.length; at++) {
    size += jsonBytesAt(text, at)
    if (size > room) return text.slice(0, at).toWellFormed() + mark
  }
  return text
}

/** Size of a text as JSON, in bytes, including the quotes. */
export function jsonBytes (text: string): number {
  return Buffer.byteLength(JSON.stringify(text))
}

/** Size of the character at `at`. Each half of a surrogate pair counts half. */
function jsonBytesAt (text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code < 0x20) return code === 0x0a || code === 0x0d || code === 0x09 || code === 0x08 || code === 0x0c ? 2 : 6
  if (code === 0x22 || code === 0x5c) return 2
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  if (code < 0xd800 || code > 0xdfff) return 3
  const paired = code < 0xdc00
    ? isBetween(text.charCodeAt(at + 1), 0xdc00, 0xdfff)
    : isBetween(text.charCodeAt(at - 1), 0xd800, 0xdbff)
  return paired ? 2 : 6
}

function isBetween (code: number, low: number, high: number): boolean {
  return code >= low && code <= high
}

/** If the text has been cut before, the mark keeps the original length. */
function markOf (text: string): string {
  const known = text.endsWith(')') ? MARKED.exec(text.slice(-40))?.[1] : undefined
  return `…(cut from ${known ?? text.length})`
}
