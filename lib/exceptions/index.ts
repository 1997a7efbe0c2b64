/** Error → exactly one exception record, however often it is thrown and logged. */
import type { Attributes, Context, Span, TimeInput } from '@opentelemetry/api'
import type { LogRecord, SeverityNumber } from '@opentelemetry/api-logs'
import type { SerializedError } from '../logs/pino/serialized-error'
import { Severity } from '../rows/severity'
import { isAbort } from '../rows/abort'
import { isError } from '../rows/hostile'
import { LIMITS, cut, fieldValue, propertyName, propertyValue } from '../rows/properties'
import type { Redactor } from '../rows/redaction'
import { RowDecision, type Operation, operationOf } from '../tracing/operation'
import { describe, extraFields } from './describe'
import { createRecordedTexts, messagesOf } from './recorded'
import { createReportedErrors } from './reported'

/** An error, and where and how it was seen. */
export interface Occurrence {
  readonly error: unknown
  /** The field it was logged in. @default err */
  readonly key?: string
  /** The error as a log line contains it; undefined if it wasn't logged. */
  readonly serialized?: SerializedError
  readonly context: Context
  readonly severity: SeverityNumber
  /** The message and fields of the log line, if the error was logged. */
  readonly message?: string | undefined
  readonly attributes?: Attributes
  readonly timestamp?: TimeInput
}

export interface Exceptions {
  readonly clientErrors: boolean
  /** @returns false if this error already has a row */
  report: (occurrence: Occurrence) => boolean
  /** Takes what was passed to a span's `recordException`: an Error, or a text that describes one. */
  record: (span: Span, exception: unknown, context: Context) => void
  /** The error was thrown. Its row waits for a log line about it, or for the end of the request. */
  markThrown: (operation: Operation, error: unknown) => void
  /** The operation ended, with `statusCode` if it is a request. Reports the errors that were not logged. */
  reportPending: (operation: Operation, statusCode?: number) => void
  /** The errors of this operation that have no row yet. */
  pendingOf: (operation: Operation | undefined) => ReadonlySet<unknown> | undefined
  /** Reports everything that is waiting outside operations. */
  drain: () => void
}

/** Receives the records. */
export interface RecordSink {
  readonly redactor: Redactor
  emit: (record: LogRecord) => void
}

const MAX_TYPE = 1_024
const NO_ERRORS: readonly unknown[] = Object.freeze([])

/** @param serialize returns the error as the app's logger would write it */
export function createExceptions (sink: RecordSink, clientErrors: boolean, serialize: (error: unknown, operation: Operation | undefined) => SerializedError): Exceptions {
  const reported = createReportedErrors()
  const recorded = createRecordedTexts()

  function report (occurrence: Occurrence): boolean {
    const operation = operationOf(occurrence.context)
    const { error, context, severity: severityNumber, timestamp } = occurrence
    if (reported.has(error, operation)) return false
    reported.add(error, operation)
    recorded.release(error, operation)
    const time = timestamp === undefined ? {} : { timestamp }
    try {
      const attributes = attributesOf(occurrence, occurrence.serialized ?? serialize(error, operation), sink.redactor)
      sink.emit({ context, severityNumber, ...time, attributes })
    } catch {
      // Reading the error threw, but it still gets a row.
      const attributes = { 'exception.type': 'Error', 'exception.message': '(the error could not be read)', 'exception.stacktrace': 'Error' }
      sink.emit({ context, severityNumber, ...time, attributes })
    }
    return true
  }

  return {
    clientErrors,
    report,
    record (span, exception, context) {
      const operation = operationOf(context)
      if (exception === undefined || exception === null || operation?.silent === true) return
      const occurrence: Occurrence = { error: exception, context, severity: Severity.ERROR }
      if (isError(exception)) report(occurrence)
      else recorded.buffer(span, exception, operation, () => { report(occurrence) })
    },
    markThrown (operation, error) {
      if (operation.decision === RowDecision.Drop || reported.claim(error, operation)) return
      operation.errors ??= new Set()
      operation.errors.add(error)
    },
    pendingOf: operation => operation?.errors,
    reportPending (operation, statusCode) {
      const errors = operation.errors === undefined ? NO_ERRORS : [...operation.errors]
      const isOfClient = statusCode !== undefined && statusCode >= 400 && statusCode < 500
      if (clientErrors || !isOfClient) {
        for (const error of errors) {
          // The work was aborted because the client left.
          if (!clientErrors && isAbort(error) && operation.isAbandoned) continue
          // A cause of an error reported earlier in this loop is already gone from the set. Sending the answer to an error may
          // fail just as the first answer did, at a header that Node.js refuses for example.
          if (operation.errors?.has(error) === true && !reported.hasTwin(error, operation)) report({ error, context: operation.context, severity: Severity.ERROR })
        }
      }
      operation.errors = undefined
      recorded.settle(operation, message => reported.hasMessage(message, operation) || errors.some(error => messagesOf(error).includes(message)))
    },
    drain: recorded.drain
  }
}

function attributesOf ({ error, key = 'err', message: logMessage, attributes: given }: Occurrence, serialized: SerializedError, redactor: Redactor): Attributes {
  const { type, message, stack, code } = describe(error, serialized)
  const attributes: Attributes = { ...given }
  attributes['exception.type'] = cut(type, MAX_TYPE)
  attributes['exception.message'] = cut(redactor.text(message), LIMITS.message)
  attributes['exception.stacktrace'] = cut(redactor.text(stack), LIMITS.stack)
  const extra = extraFields(serialized)
  if (extra !== undefined) attributes[propertyName(key)] ??= fieldValue(extra)
  if (code !== undefined && attributes.code === undefined) attributes.code = propertyValue(code)
  // The exporter drops an exception record's body.
  if (logMessage !== undefined) {
    if (attributes.logMessage !== undefined) attributes[propertyName('field.logMessage')] = attributes.logMessage
    attributes.logMessage = propertyValue(logMessage)
  }
  return attributes
}
