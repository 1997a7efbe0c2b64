/** Log line → a trace row, or an exception row if the line has an error. */
import type { Attributes, Context } from '@opentelemetry/api'
import type { LogRecord, SeverityNumber } from '@opentelemetry/api-logs'
import { isTracingSuppressed } from '@opentelemetry/core'
import { LINE_SEPARATOR } from '../delivery'
import type { LogsConfig } from '../options'
import { isAbort } from '../rows/abort'
import { isObject, readProperty } from '../rows/hostile'
import { context } from '../tracing/context'
import { type Operation, kOperation, operationOf } from '../tracing/operation'
import { type Content, type LineFormat, bodyOf, fieldsToAttributes, parseLine } from '../rows/line'
import { isOfBrokenPayload, isOfErrorHandler, isReportable, liveError } from './line-error'
import { timeOf, valueOf } from './line-time'
import type { Line } from './pino'
import { levelsOf } from './pino/internals'
import { type Redaction, type SerializedError, scrubbed, serializedByLogger, serializedInLine } from './pino/serialized-error'
import type { LineNotes } from './record-processor'
import { Severity } from '../rows/severity'
import { createSeverities } from './severity'

// In characters. A longer line is parsed here, so that it is cut to the limits of a row before it is handed on.
const LONGEST_WHOLE = 32_768

/** A line that isn't parsed here. */
export interface WholeLine extends LineNotes {
  readonly message: string
  readonly severityNumber: SeverityNumber
}

export interface LineSink {
  /** Whether `line()` may be used, because no other destination needs a line's fields. */
  readonly takesLines: boolean
  /** Takes a line unparsed. Delivery parses it. */
  line: (line: WholeLine, where: Context) => void
  emit: (record: LogRecord) => void
}

export interface ErrorSink {
  /** Whether errors answered with 4xx are reported too. */
  readonly clientErrors: boolean
  /** The errors of this operation that haven't been reported yet. */
  pendingOf: (operation: Operation | undefined) => ReadonlySet<unknown> | undefined
  /** @returns false if this error already has its row */
  report: (error: LoggedError) => boolean
}

export interface LoggedError {
  readonly error: unknown
  /** The field that it was logged in. */
  readonly key: string
  readonly serialized: SerializedError
  readonly context: Context
  readonly severity: SeverityNumber
  readonly message: string | undefined
  readonly attributes: Attributes
  readonly timestamp: number
}

export interface LineReporterOptions {
  readonly format: LineFormat
  /** `false` reports only errors. */
  readonly logs: LogsConfig | false
  readonly telemetry: LineSink
  /** Undefined if errors don't become exception rows. */
  readonly exceptions: ErrorSink | undefined
  readonly redaction: Redaction
  /** The logger has a hook that may rewrite lines, so a line must be parsed to know what it says. */
  readonly mustParse: boolean
}

export class LineReporter {
  readonly #options: LineReporterOptions
  readonly #severityOf = createSeverities()
  readonly #sendsWhole: boolean

  constructor (options: LineReporterOptions) {
    this.#options = options
    const { logs, telemetry, redaction, mustParse } = options
    this.#sendsWhole = (logs === false || logs.filter === undefined) && redaction.paths === undefined && telemetry.takesLines && !mustParse
  }

  report (line: Line): void {
    const { logs, exceptions, format } = this.#options
    const active = context.active()
    const operation = operationOfLogger(line.logger) ?? operationOf(active)
    if (operation?.silent === true) return operation.leaveOut()
    // If an export's diagnostics were logged and reported, they would cause another export.
    if (operation === undefined && isTracingSuppressed(active)) return
    // The active context may hold a child of the request's span.
    const where: Context = operation === undefined || operationOf(active) === operation ? active : operation.context
    const severity = this.#severityOf(line.logger, line.level)
    const live = liveError(line, format, severity, exceptions?.pendingOf(operation))
    if (live !== undefined) return this.#reportError(line, live, severity, where, operation)
    if (logs === false || this.#sendWhole(line, severity, where)) return
    const content = this.#parse(line)
    if (this.#isKept(line, content)) this.#emit(line, content, severity, where)
  }

  #reportError (line: Line, { key, error }: { key: string, error: unknown }, severity: SeverityNumber, where: Context, operation: Operation | undefined): void {
    const { logs, exceptions, format, redaction } = this.#options
    const content = this.#parse(line)
    const serialized = line.object === error
      ? serializedByLogger(line.logger, error, redaction)
      : serializedInLine(line.logger, format, key, error, content.fields, redaction)
    content.message = scrubbed(content.message, serialized.secrets)
    content.fields = scrubbed(content.fields, serialized.secrets)
    if (!this.#isKept(line, content)) return
    const ofFastify = isOfErrorHandler(line, error)
    const pending = exceptions?.pendingOf(operation)
    // If the client left, what Fastify then says about the aborted work is as little an error as a 4xx.
    const isOfClient = ofFastify && exceptions?.clientErrors === false && isAbort(error) && operation?.isAbandoned === true
    // Fastify logs a 4xx error at `info`. If those errors are reported, this line reports them.
    const isException = severity >= Severity.ERROR || isOfBrokenPayload(line, error) || (ofFastify && exceptions?.clientErrors === true && pending?.has(error) === true)
    if (exceptions !== undefined && isException && !isOfClient && isReportable(error, pending)) {
      const isReported = exceptions.report({
        error,
        key,
        serialized,
        context: where,
        severity: Math.max(severity, Severity.ERROR),
        timestamp: timeOf(valueOf(line.time)),
        attributes: fieldsToAttributes(otherFields(content, key, ofFastify)),
        message: content.message
      })
      // The exception row already says what the line of Fastify's handler repeats.
      if (isReported || ofFastify) return
    }
    if (logs !== false) this.#emit(line, content, severity, where)
  }

  /** Hands on most lines without reading them on this thread, because delivery parses them. @returns false if this one must be parsed here */
  #sendWhole (line: Line, severityNumber: SeverityNumber, where: Context): boolean {
    const { format, redaction, telemetry } = this.#options
    const { text, time, level, message, logger } = line
    if (!this.#sendsWhole || message === undefined || message === '' || levelsOf(logger) !== format.levels) return false
    const timestamp = Number(time)
    // Any other time format must be parsed first.
    if (!(timestamp >= 1e11 && timestamp < 1e14)) return false
    if (typeof text !== 'string' || text.length > LONGEST_WHOLE || text.indexOf('\n') !== text.length - 1 || text.includes(LINE_SEPARATOR)) return false
    // If the line contains a secret, its message may contain it too.
    if (redaction.line(text) !== text) return false
    telemetry.line({ text, message, timestamp, level, severityNumber, format }, where)
    return true
  }

  /** Redacts the line before it parses it. */
  #parse (line: Line): Content {
    const { format, redaction } = this.#options
    const levels = levelsOf(line.logger)
    return parseLine(redaction.line(String(line.text)), line.level, valueOf(line.time), levels === format.levels ? format : { ...format, levels }, redaction.paths)
  }

  #isKept ({ level }: Line, { message, fields }: Content): boolean {
    const { logs } = this.#options
    return logs === false || logs.filter === undefined || logs.filter({ level, message: message ?? '', fields })
  }

  #emit (line: Line, content: Content, severityNumber: SeverityNumber, where: Context): void {
    const { telemetry, format } = this.#options
    telemetry.emit({
      context: where,
      timestamp: timeOf(valueOf(line.time)),
      severityNumber,
      body: bodyOfLine(line, content, format),
      attributes: fieldsToAttributes(content.fields)
    })
  }
}

export function operationOfLogger (logger: object): Operation | undefined {
  const operation = (logger as { [kOperation]?: Operation })[kOperation]
  return operation?.ownsLogger(logger) === true ? operation : undefined
}

function otherFields ({ fields }: Content, errorKey: string, ofFastify: boolean): Content['fields'] {
  const others = { ...fields }
  delete others[errorKey]
  if (ofFastify) {
    // The request's row already has them.
    delete others.req
    delete others.res
  }
  return others
}

/** If a line has no message, its error or its fields still say what it is about. */
function bodyOfLine ({ object }: Line, content: Content, format: LineFormat): string {
  if (content.message !== undefined && content.message !== '') return bodyOf(content, format)
  const isGiven = isObject(object) ? (name: string) => Object.hasOwn(object, name) : undefined
  return bodyOf(content, format, readProperty(readProperty(object, format.errorKey), 'message'), isGiven)
}
