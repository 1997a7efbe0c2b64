/** `recordException` of our spans → the Error object itself: a span's event has only texts of it. */
import type { Exception, Span, TimeInput } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { attempt } from '../rows/hostile'

type RecordException = (this: Span & ReadableSpan, exception: Exception, time?: TimeInput) => void

/** Called while the span is recording. */
export type ExceptionHandler = (span: Span & ReadableSpan, exception: Exception) => void

// By the resource that all spans of an instance point to.
const handlers = new WeakMap<object, ExceptionHandler>()
const prototypes = new WeakSet<object>()
// Nearly always the same: asked with every span.
let last: object | undefined

export function onRecordedException (resource: object, handler: ExceptionHandler): void {
  handlers.set(resource, handler)
}

/**
 * No processor is told of it, the SDK does not export its class, and a method of each span's own costs more than the
 * span itself. So it is one method, of the class that the SDK makes spans of; other providers' spans pass through.
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
    // The SDK throws at null and undefined, and at objects whose getters do.
    attempt(() => original.call(this, exception, time))
    if (this.isRecording()) handler(this, exception)
  }
}
