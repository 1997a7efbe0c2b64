/** Request → whether it is ignored, by its route or by the app's function. */
import type { FastifyRequest } from 'fastify'
import type { Ignore } from '../options'

/** The route name of all requests that match no route: bots must not create a name per URL. */
export const UNMATCHED = '(unmatched)'

export function ignoresUnmatched (ignore: Ignore): boolean {
  return ignore.kind === 'routes' && !ignore.keepFailures && ignore.routes.includes(UNMATCHED)
}

/** Caches its decisions: there are only as many names as routes. */
export function createIgnore (ignore: Ignore): (request: FastifyRequest, method: string, route: string) => boolean {
  switch (ignore.kind) {
    case 'none': return () => false
    case 'function': return request => ignore.test(request) ?? false
    case 'routes': {
      const decided = new Map<string, boolean>()
      return (_request, method, route) => {
        const name = `${method} ${route}`
        let result = decided.get(name)
        if (result === undefined) {
          result = ignore.routes.some(pattern => matches(pattern, name) || matches(pattern, route))
          decided.set(name, result)
        }
        return result
      }
    }
  }
}

function matches (pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}
