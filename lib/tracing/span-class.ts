/** The SDK's span class, two of whose methods we replace. */
import type { Span } from '@opentelemetry/api'
import { holdSpans } from './held-spans'
import { interceptExceptions } from './recorded-exceptions'

const prototypes = new WeakSet<object>()
// Looked up for every span, and nearly always the same.
let last: object | undefined

/**
 * Processors don't see the calls, the SDK doesn't export its span class, and adding a method to each span costs more than
 * the span. So we replace each method once, on the class. Other providers' spans pass through unchanged.
 */
export function adaptSpanClass (span: Span): void {
  const prototype = Object.getPrototypeOf(span) as Span
  if (prototype === last) return
  last = prototype
  if (prototypes.has(prototype)) return
  prototypes.add(prototype)
  interceptExceptions(prototype)
  holdSpans(prototype)
}
