/** `recordException` on our spans → the Error object itself, because a span's event only has its texts. */
import type { Exception, Span, TimeInput } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { attempt } from '../rows/hostile'

type RecordException = (this: Span & ReadableSpan, exception: Exception, time?: TimeInput) => void

/** Called while the span is recording. */
export type ExceptionHandler = (span: Span & ReadableSpan, exception: Exception) => void

// Keyed by the resource that all spans of an instance point to.
const handlers = new WeakMap<object, ExceptionHandler>()
const prototypes = new WeakSet<object>()
// Looked up for every span, and nearly always the same.
let last: object | undefined

export function onRecordedException (resource: object, handler: ExceptionHandler): void {
  handlers.set(resource, handler)
}

/**
 * Processors don't see the call, the SDK doesn't export its span class, and adding a method to each span costs more than
 * the span. So we replace the method once, on the SDK's span class. Other providers' spans pass through unchanged.
 */
export function interceptExceptions (span: Span): void {
  const prototype = Object.getPrototypeOf(span) as { recordException: RecordException }
  if (prototype === last) return
  last = prototype
  if (prototypes.has(prototype)) return
  prototypes.add(prototype)
  const original = prototype.recordException
  prototype.recordException = function recordException (exception, time) {
    const handler = handlers.get(this.resource)
    if (handler === undefined) {
      original.call(this, exception, time)
      return
    }
    // The SDK throws for null, undefined and objects with throwing getters.
    attempt(() => original.call(this, exception, time))
    if (this.isRecording()) handler(this, exception)
  }
}
