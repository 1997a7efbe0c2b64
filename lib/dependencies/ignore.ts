/** `dependencies.ignore` → whether a call makes a row. */
import type { Config, OutgoingCall } from '../options'
import { type Warn, messageOf } from '../warnings'

export type IsIgnored = (method: string, url: string) => boolean

export function createIgnore (ignore: Exclude<Config['dependencies'], false>['ignore'], warn: Warn): IsIgnored {
  if (ignore === undefined) return () => false
  if (typeof ignore === 'function') {
    const test = ignore as (call: OutgoingCall) => boolean
    return (method, url) => {
      try {
        return test({ method, url })
      } catch (error) {
        warn(`dependencies.ignore failed, the call is kept: ${messageOf(error)}`)
        return false
      }
    }
  }
  if (ignore.length === 0) return () => false
  const patterns = ignore.map(pattern => pattern.toLowerCase())
  return (_method, url) => {
    const plain = url.replace(/[?#].*$/, '').toLowerCase()
    const authority = /^[a-z]+:\/\/([^/]*)/.exec(plain)?.[1] ?? ''
    const host = authority.replace(/:\d+$/, '')
    return patterns.some(pattern => matches(pattern, plain) || matches(pattern, authority) || matches(pattern, host))
  }
}

function matches (pattern: string, text: string): boolean {
  if (pattern.startsWith('*')) return text.endsWith(pattern.slice(1))
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}
