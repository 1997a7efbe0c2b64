/** JSON text → the same without halves of characters. */

// Preceded by an even number of backslashes: otherwise the backslash is part of the text.
const HALF = /(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g

/**
 * A text that was cut inside an emoji ends with half of it, which `JSON.stringify` writes as an escape (`\ud83d`). Strict parsers
 * refuse the whole JSON because of it.
 */
export function wellFormedJson (json: string): string {
  return json.includes('\\ud') ? json.replaceAll(HALF, '$1\ufffd') : json
}
