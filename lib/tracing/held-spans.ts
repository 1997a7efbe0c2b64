/** `end` on an operation's own span → ignored until the operation ends: with `trace.getActiveSpan()`, any code can call it. */
import type { Span, TimeInput } from '@opentelemetry/api'
import { operationOfSpan } from './operation'

export function holdSpans (prototype: Pick<Span, 'end'>): void {
  const original = prototype.end
  prototype.end = function end (this: Span, time?: TimeInput) {
    const operation = operationOfSpan(this)
    if (operation === undefined || operation.span !== this || !operation.holdsSpan) original.call(this, time)
  }
}
