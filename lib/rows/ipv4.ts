import { isIPv4 as matches } from 'node:net'

let last = ''

/** Node.js uses a long regular expression, and the next request often comes from the same address. */
export function isIPv4 (text: string): boolean {
  if (text === last) return true
  if (!matches(text)) return false
  last = text
  return true
}
