/** `recordException` on our spans → the Error object itself, because a span's event only has its texts. */
import type { Exception, Span, TimeInput } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { attempt } from '../rows/hostile'

/** Called while the span is recording. */
export type ExceptionHandler = (span: Span & ReadableSpan, exception: Exception) => void

// Keyed by the resource that all spans of an instance point to.
const handlers = new WeakMap<object, ExceptionHandler>()

export function onRecordedException (resource: object, handler: ExceptionHandler): void {
  handlers.set(resource, handler)
}

export function interceptExceptions (prototype: Pick<Span, 'recordException'>): void {
  const original = prototype.recordException
  prototype.recordException = function recordException (this: Span & ReadableSpan, exception: Exception, time?: TimeInput) {
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
