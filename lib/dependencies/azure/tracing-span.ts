/** What the Azure SDK holds of a span: a TracingSpan around one of OpenTelemetry's. */
import type { TracingSpan } from '@azure/core-tracing'
import { type AttributeValue, type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api'
import type { RunningOperation } from '../../tracing/background'
import { reasonOf } from '../reason'

export const NOT_RECORDING: TracingSpan = Object.freeze({
  setStatus () {},
  setAttribute () {},
  end () {},
  recordException () {},
  isRecording: () => false,
  addEvent () {}
})

export function attributesOf (given: Record<string, unknown> = {}): Attributes {
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(given)) {
    if (isPlain(value) || (Array.isArray(value) && value.every(isPlain))) attributes[name] = value as AttributeValue
  }
  return attributes
}

function isPlain (value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** A failed call is no exception of its own: what the app makes of it may become one. */
export function wrapSpan (span: Span): TracingSpan {
  return {
    setStatus (status) {
      if (status.status !== 'error' || isNotModified(status.error)) return
      if (status.error !== undefined) {
        const reason = reasonOf(status.error)
        span.setAttributes({ 'error.type': reason, error: reason })
      }
      span.setStatus({ code: SpanStatusCode.ERROR })
    },
    setAttribute (name, value) {
      span.setAttributes(attributesOf({ [name]: value }))
    },
    end: () => span.end(),
    recordException: exception => span.recordException(exception),
    isRecording: () => span.isRecording(),
    addEvent: (name, { attributes, startTime } = {}) => { span.addEvent(name, attributesOf(attributes), startTime) }
  }
}

/**
 * Of a message that is sent. The SDK gives it trace context only where it is recording, but a receiver has to know of
 * an operation that was sampled out as well.
 * @param span undefined where it is no row
 * @param carries whether the message is to carry trace context
 */
export function messageSpan (span: Span | undefined, carries: boolean): TracingSpan {
  return { ...span === undefined ? NOT_RECORDING : wrapSpan(span), isRecording: () => carries }
}

/** Of messages that are processed. What the app has thrown there is an exception, as it is in a request. */
export function operationSpan (running: RunningOperation): TracingSpan {
  let failed = false
  return {
    ...wrapSpan(running.operation.span),
    setStatus (status) {
      if (status.status !== 'error') return
      failed = true
      if (status.error !== undefined) running.report(status.error)
    },
    recordException: exception => running.report(exception),
    end: () => running.end(failed)
  }
}

/** An answer that says "as you have it" comes as an error. */
function isNotModified (error: unknown): boolean {
  return (error as { statusCode?: unknown } | undefined)?.statusCode === 304
}
