/** A request's method → one of the names that rows and metrics may have. */

export const OTHER = '_OTHER'

// The methods of the semantic conventions. If others were allowed, clients could invent names.
export const METHODS: readonly string[] = Object.freeze(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY', OTHER])
const known = new Set(METHODS)

export function knownMethod (method: string | undefined): string {
  return known.has(method!) ? method! : OTHER
}
