/** OpenTelemetry span → the Azure SDK's TracingSpan around it. */
import type { TracingSpan } from '@azure/core-tracing'
import { type AttributeValue, type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api'
import type { RunningOperation } from '../../tracing/background'
import { readProperty } from '../../rows/hostile'
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

/** A failed call isn't reported as an exception, unless the app throws or logs the error. */
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
 * For a sent message. The SDK only adds trace context if the span is recording, but a receiver must also learn of
 * operations that are sampled out.
 * @param span undefined if the message gets no row
 * @param carries whether the message gets trace context
 */
export function messageSpan (span: Span | undefined, carries: boolean): TracingSpan {
  return { ...span === undefined ? NOT_RECORDING : wrapSpan(span), isRecording: () => carries }
}

/** For processed messages. Errors that the app throws there are reported as exceptions, as in a request. */
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

/** The SDK reports a 304 Not Modified response as an error. */
function isNotModified (error: unknown): boolean {
  return readProperty(error, 'statusCode') === 304
}
