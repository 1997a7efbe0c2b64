/** Error → exactly one exception record, however often it is thrown, seen and logged. */
import type { Attributes, Context, Span } from '@opentelemetry/api'
import type { LogRecord, SeverityNumber } from '@opentelemetry/api-logs'
import type { SerializedError } from '../logs/pino/serialized-error'
import { Severity } from '../rows/severity'
import { isError } from '../rows/hostile'
import { LIMITS, cut, fieldValue, propertyName, propertyValue } from '../rows/properties'
import type { Redactor } from '../rows/redaction'
import { RowDecision, type Operation, operationOf } from '../tracing/operation'
import { describe, extraFields } from './describe'
import { createRecordedTexts, messagesOf } from './recorded'
import { createReportedErrors } from './reported'

/** An error, and what is known of it beside itself. */
export interface Occurrence {
  readonly error: unknown
  /** The field it was logged in. @default err */
  readonly key?: string
  /** The error in a line of the app's logger; undefined where nobody logged it. */
  readonly serialized?: SerializedError
  readonly context: Context
  readonly severity: SeverityNumber
  /** The line's message and fields, where a line brought it. */
  readonly message?: string | undefined
  readonly attributes?: Attributes
  readonly timestamp?: number
}

export interface Exceptions {
  readonly clientErrors: boolean
  /** @returns false where this error has its row already */
  report: (occurrence: Occurrence) => boolean
  /** What `recordException` of a span was given: an Error, or a text that stands for one. */
  record: (span: Span, exception: unknown, context: Context) => void
  /** The error was thrown: its row waits for a log line about it, or for the request's end. */
  markThrown: (operation: Operation, error: unknown) => void
  /** The operation ended, a request with `statusCode`: what nobody logged is reported now. */
  reportPending: (operation: Operation, statusCode?: number) => void
  /** The errors that wait for their rows in this operation. */
  pendingOf: (operation: Operation | undefined) => ReadonlySet<unknown> | undefined
  /** Reports what waits outside of any operation. */
  drain: () => void
}

/** Where the records go. */
export interface RecordSink {
  readonly redactor: Redactor
  emit: (record: LogRecord) => void
}

const MAX_TYPE = 1_024
const NO_ERRORS: readonly unknown[] = Object.freeze([])

/** @param serialize the error as the app's logger would write it */
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
      // Hostile beyond all precautions, and still worth a row.
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
          // What was the cause of another one is not here any more.
          if (operation.errors?.has(error) === true) report({ error, context: operation.context, severity: Severity.ERROR })
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
