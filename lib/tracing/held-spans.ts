/** `end` on an operation's own span → ignored until the operation ends: with `trace.getActiveSpan()`, any code can call it. */
import type { Span, TimeInput } from '@opentelemetry/api'
import { operationOfSpan } from './operation'

const prototypes = new WeakSet<object>()
// Looked up for every span, and nearly always the same.
let last: object | undefined

/** Replaces the method once, on the SDK's span class, for the reasons in recorded-exceptions.ts. */
export function holdSpans (span: Span): void {
  const prototype = Object.getPrototypeOf(span) as Pick<Span, 'end'>
  if (prototype === last) return
  last = prototype
  if (prototypes.has(prototype)) return
  prototypes.add(prototype)
  const original = prototype.end
  prototype.end = function end (this: Span, time?: TimeInput) {
    const operation = operationOfSpan(this)
    if (operation === undefined || operation.span !== this || !operation.holdsSpan) original.call(this, time)
  }
}
