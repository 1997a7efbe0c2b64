/** What the app says of its calls (`ignore`, `propagate`, `success`) → functions that give a boolean and never throw. */
import type { FinishedCall, OutgoingCall } from '../options'
import { type Warn, messageOf } from '../warnings'

/** Hosts and urls, or the app's own word. */
export type CallPatterns = readonly string[] | ((call: OutgoingCall) => boolean)
export type MatchesCall = (method: string, url: string) => boolean

/** @param otherwise where nothing is given, or the app's function fails */
export function createMatcher (name: 'ignore' | 'propagate', given: CallPatterns | boolean | undefined, otherwise: boolean, warn: Warn): MatchesCall {
  if (given === undefined) return () => otherwise
  if (typeof given === 'boolean') return () => given
  if (typeof given === 'function') {
    const test = guarded<OutgoingCall>(name, given, warn)
    return (method, url) => test({ method, url }) ?? otherwise
  }
  const patterns = given.map(pattern => pattern.toLowerCase())
  return (_method, url) => {
    const plain = url.replace(/[?#].*$/, '').toLowerCase()
    // User and password are no part of the host.
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

export function createSuccess (given: ((call: FinishedCall) => boolean) | undefined, warn: Warn): IsSuccess {
  const test = given === undefined ? undefined : guarded<FinishedCall>('success', given, warn)
  return call => test?.(call) ?? call.status < 400
}

/** undefined where the function throws, or gives anything but a boolean: a promise, for example. */
function guarded<Argument> (name: string, test: (argument: Argument) => unknown, warn: Warn): (argument: Argument) => boolean | undefined {
  return argument => {
    let result: unknown
    try {
      result = test(argument)
    } catch (error) {
      warn(`dependencies.${name} failed, so its default applies: ${messageOf(error)}`)
      return undefined
    }
    if (typeof result === 'boolean') return result
    // Nobody waits for an answer that comes later, but a rejection must not end the process.
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') void Promise.resolve(result).catch(() => {})
    warn(`dependencies.${name} must return true or false, so its default applies.`)
    return undefined
  }
}
