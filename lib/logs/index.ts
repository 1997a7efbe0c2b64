/** Log line → log record: a trace row, or an exception row where the line brings an error. */
import { types } from 'node:util'
import { type Context } from '@opentelemetry/api'
import type { SeverityNumber } from '@opentelemetry/api-logs'
import type { FastifyBaseLogger } from 'fastify'
import { context } from '../tracing/context'
import { type EarlyLines, createEarlyLines } from './early'
import { LINE_SEPARATOR } from '../delivery'
import { FAI_ERR_OPTION_INVALID } from '../errors'
import type { Exceptions } from '../exceptions'
import { type Content, type LineFormat, bodyOf, fieldsToAttributes, parseLine } from './line'
import { type Operation, kOperation, operationOf } from '../tracing/operation'
import type { Config } from '../options'
import { type Line, type Tap, comparisonOf, formatOf, isQuiet, levelsOf, tap } from './pino'
import { streamHook } from './pino/render'
import { Severity, createSeverities } from './severity'
import type { Instance } from '../tracing/instance'
import { isTracingSuppressed } from '@opentelemetry/core'
import { messageOf } from '../warnings'
import { isObject, readProperty } from '../rows/hostile'
import { type Redaction, scrubbed, serializedInLine } from './pino/serialized-error'

type LogConfig = Exclude<Config['logs'], false>

// In characters. What is longer is cut to what a row may hold before it travels.
const LONGEST_WHOLE = 32_768

export interface LogCollector extends Tap {
  /** A request has its operation: what was written before is sent now. */
  readonly release: EarlyLines['release']
  /** The process or the app ends: nothing waits any longer. */
  readonly releaseAll: () => void
}

/**
 * @param options `false` takes nothing but errors
 * @param requestIdLabel the field with which Fastify binds a request's logger
 * @returns undefined where the logger is off or not pino
 * @throws FAI_ERR_OPTION_INVALID where `logs.level` is no level of this logger
 */
export function collectLogs (
  logger: FastifyBaseLogger,
  options: LogConfig | false,
  telemetry: Instance,
  exceptions: Exceptions | undefined,
  redaction: Redaction,
  warn: (message: string) => void,
  requestIdLabel: string
): LogCollector | undefined {
  const format = formatOf(logger)
  const severityOf = createSeverities()
  const isWanted = createThreshold(logger, options)
  const { filter, requestLogs } = options === false ? { filter: undefined, requestLogs: false } : options
  // A hook may make anything of a line: what it says is known when it was taken apart.
  const takesWhole = filter === undefined && redaction.paths === undefined && telemetry.takesLines && streamHook(logger) === undefined
  const early = createEarlyLines(logger, requestIdLabel, recordSafely)

  // Whatever goes wrong here must not reach the app's log call.
  function take (line: Line): void {
    try {
      if (!isWanted(line.level) || isQuiet(line.logger)) return
      const isRepeated = !requestLogs && ownLine(line) !== undefined
      if (isRepeated) return
      const isEarly = operationOfLogger(line.logger) === undefined && operationOf(context.active()) === undefined
      if (!isEarly || !early.hold(line)) record(line)
    } catch (error) {
      warn(`A log line could not be reported: ${messageOf(error)}`)
    }
  }

  function recordSafely (line: Line): void {
    try {
      record(line)
    } catch (error) {
      warn(`A log line could not be reported: ${messageOf(error)}`)
    }
  }

  function record (line: Line): void {
    const active = context.active()
    const operation = operationOfLogger(line.logger) ?? operationOf(active)
    if (operation?.silent === true) {
      operation.leaveOut()
      return
    }
    // Diagnostics of an export that someone logs: another export would follow from them.
    if (operation === undefined && isTracingSuppressed(active)) return
    // The active context may hold a span below the request's.
    const where: Context = operation === undefined || operationOf(active) === operation ? active : operation.context
    const severity = severityOf(line.logger, line.level)
    const live = liveError(line, format, severity, exceptions?.pendingOf(operation))
    if (live === undefined && options === false) return

    if (live === undefined && passOn(line, severity, where)) return
    const content = read(line, format, redaction)
    if (live === undefined) {
      if (isKept(line, content)) emitTrace(line, content, severity, where)
      return
    }

    const { key, error } = live
    const serialized = serializedInLine(line.logger, format, key, error, content.fields, redaction)
    content.message = scrubbed(content.message, serialized.secrets)
    content.fields = scrubbed(content.fields, serialized.secrets)
    if (!isKept(line, content)) return
    const ofFastify = isOfErrorHandler(line, error)
    const isException = severity >= Severity.ERROR ||
      // For the 4xx that are to be exceptions, Fastify's line at `info` is what it says of them.
      (ofFastify && exceptions?.clientErrors === true && exceptions.pendingOf(operation)?.has(error) === true)
    if (exceptions !== undefined && isException && isReportable(error, exceptions.pendingOf(operation))) {
      const others = { ...content.fields }
      delete others[key]
      if (ofFastify) {
        // The request's row says the same.
        delete others.req
        delete others.res
      }
      const reported = exceptions.report({
        error,
        key,
        serialized,
        context: where,
        severity: Math.max(severity, Severity.ERROR),
        timestamp: timeOf(valueOf(line.time)),
        attributes: fieldsToAttributes(others),
        message: content.message
      })
      // What Fastify's handler says a second time, the exception row has said.
      if (reported || ofFastify) return
    }
    if (options !== false) emitTrace(line, content, severity, where)
  }

  /** Most lines need no look into them here: whoever sends them takes them apart. */
  function passOn (line: Line, severity: SeverityNumber, where: Context): boolean {
    const { text, time, level, message, logger } = line
    if (!takesWhole || message === undefined || message === '' || levelsOf(logger) !== format.levels) return false
    const timestamp = Number(time)
    // Any other time has to be found out first; and a hook may have made anything of the line.
    if (!(timestamp >= 1e11 && timestamp < 1e14) || typeof text !== 'string' || text.length > LONGEST_WHOLE || text.indexOf('\n') !== text.length - 1 || text.includes(LINE_SEPARATOR)) return false
    const redacted = redaction.line(text)
    // What was replaced in it may stand in its message.
    if (redacted !== text) return false
    telemetry.line({ text, message, timestamp, level, severityNumber: severity, format }, where)
    return true
  }

  function isKept ({ level }: Line, { message, fields }: Content): boolean {
    return filter === undefined || filter({ level, message: message ?? '', fields })
  }

  function emitTrace (line: Line, content: Content, severityNumber: SeverityNumber, where: Context): void {
    telemetry.emit({
      context: where,
      timestamp: timeOf(valueOf(line.time)),
      severityNumber,
      body: textOfLine(line, content, format),
      attributes: fieldsToAttributes(content.fields)
    })
  }

  const tapped = tap(logger, { take, claims: () => operationOf(context.active())?.owner === telemetry })
  if (tapped === undefined) return undefined
  return {
    follow: tapped.follow,
    release: early.release,
    releaseAll: early.releaseAll,
    stop () {
      early.releaseAll()
      tapped.stop()
    }
  }
}

function createThreshold (logger: FastifyBaseLogger, options: LogConfig | false): (level: number) => boolean {
  if (options === false || options.level === undefined) return () => true
  const levels = levelsOf(logger)
  const names = Object.keys(levels)
  // Without a logger there are no levels, and no lines to choose from.
  if (names.length === 0) return () => true
  if (options.level === 'silent') return () => false
  if (!names.includes(options.level)) throw new FAI_ERR_OPTION_INVALID('logs.level', `a level of the app's logger (${names.join(', ')})`)
  const lowest = levels[options.level]!
  const isEnabled = comparisonOf(logger)
  return level => isEnabled(level, lowest)
}

function operationOfLogger (logger: object): Operation | undefined {
  return (logger as { [kOperation]?: Operation })[kOperation]
}

// Which of Fastify's own lines about a request this is: its row says the same. A prefix or a hook may have added to the
// message, and the app's objects are not touched for any other line.
function ownLine ({ message, object, logger }: Line): 'incoming' | 'completed' | undefined {
  if (message === undefined) return undefined
  if (message.includes('incoming request')) return readProperty(readProperty(object, 'req'), 'log') === logger ? 'incoming' : undefined
  if (message.includes('request completed')) return readProperty(readProperty(object, 'res'), 'log') === logger ? 'completed' : undefined
  return undefined
}

function isOfErrorHandler ({ message, object, logger }: Line, error: unknown): boolean {
  if (readProperty(readProperty(object, 'res'), 'log') !== logger) return false
  const text = readProperty(error, 'message')
  return message === undefined || (typeof text === 'string' && message.includes(text))
}

/** The error of a line, by identity; its text comes from the line alone. */
function liveError ({ object }: Line, { errorKey }: LineFormat, severity: SeverityNumber, expected: ReadonlySet<unknown> | undefined): { key: string, error: unknown } | undefined {
  if (!isObject(object)) return undefined
  const error = readProperty(object, errorKey)
  if ((error !== undefined && error !== null) || (expected?.has(error) === true && Object.hasOwn(object, errorKey))) return { key: errorKey, error }
  if (severity < Severity.ERROR) return undefined
  for (const key of Object.keys(object)) {
    const value = readProperty(object, key)
    if (types.isNativeError(value)) return { key, error: value }
  }
  return undefined
}

/** `{ err: false }` is no error, `throw false` is one. */
function isReportable (error: unknown, expected: ReadonlySet<unknown> | undefined): boolean {
  return Boolean(error) || expected?.has(error) === true
}

/** Redacted and taken apart. */
function read (line: Line, format: LineFormat, { line: redactLine, paths }: Redaction): Content {
  const levels = levelsOf(line.logger)
  return parseLine(redactLine(String(line.text)), line.level, valueOf(line.time), levels === format.levels ? format : { ...format, levels }, paths)
}

function valueOf (json: string): unknown {
  if (json === '') return undefined
  // Milliseconds since 1970, as nearly everybody has them.
  const number = Number(json)
  if (!Number.isNaN(number)) return number
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Milliseconds since 1970 of what pino's and other timestamp functions write: milliseconds, seconds, ISO 8601. */
function timeOf (value: unknown): number {
  const now = Date.now()
  if (typeof value === 'number') {
    if (value >= 1e11 && value < 1e14) return value
    // Whole seconds would put all lines of a request at its begin.
    if (value > 1e8 && value < 1e11) return Math.abs(now - value * 1_000) <= 1_000 ? now : value * 1_000
    return now
  }
  const time = typeof value === 'string' && /^\d{4}-\d\d-\d\d[T ]\d/.test(value) ? Date.parse(value) : NaN
  return Number.isNaN(time) ? now : time
}

/** A row without a text says what the line was about. */
function textOfLine ({ object }: Line, content: Content, format: LineFormat): string {
  if (content.message !== undefined && content.message !== '') return bodyOf(content, format)
  const isGiven = isObject(object) ? (name: string) => Object.hasOwn(object, name) : undefined
  return bodyOf(content, format, readProperty(readProperty(object, format.errorKey), 'message'), isGiven)
}
