/** A request's method → one of the names that rows and metrics may have. */

export const OTHER = '_OTHER'

// The ones that the conventions know: any other would let a client make up names.
export const METHODS: readonly string[] = Object.freeze(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY', OTHER])
const known = new Set(METHODS)

export function knownMethod (method: string | undefined): string {
  return known.has(method!) ? method! : OTHER
}
