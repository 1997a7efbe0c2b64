/** The options `ignore`, `propagate` and `success` → functions that return a boolean. */
import type { CallChoice, FinishedCall } from '../options'

export type MatchesCall = (method: string, url: string) => boolean

/** @param otherwise the result without an option, or if the app's function fails */
export function createMatcher (given: CallChoice | boolean | undefined, otherwise: boolean): MatchesCall {
  if (given === undefined) return () => otherwise
  if (typeof given === 'boolean') return () => given
  if (typeof given === 'function') return (method, url) => given({ method, url }) ?? otherwise
  const patterns = given.map(pattern => pattern.toLowerCase())
  return (_method, url) => {
    const plain = url.replace(/[?#].*$/, '').toLowerCase()
    // Leaves out user and password.
    const authority = /^[a-z]+:\/\/(?:[^/@]*@)?([^/]*)/.exec(plain)?.[1] ?? ''
    const host = authority.replace(/:\d+$/, '')
    return patterns.some(pattern => matches(pattern, plain) || matches(pattern, authority) || matches(pattern, host))
  }
}

function matches (pattern: string, text: string): boolean {
  if (pattern.startsWith('*')) return text.endsWith(pattern.slice(1))
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}

export type IsSuccess = (call: FinishedCall) => boolean

export function createSuccess (given: ((call: FinishedCall) => boolean | undefined) | undefined): IsSuccess {
  return call => given?.(call) ?? call.status < 400
}
