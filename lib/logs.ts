/** Log line → log record: a trace row, or an exception row where the line brings an error. */
import { hostname } from 'node:os'
import { types } from 'node:util'
import { type Attributes, type Context, context } from '@opentelemetry/api'
import { SeverityNumber } from '@opentelemetry/api-logs'
import { isTracingSuppressed } from '@opentelemetry/core'
import type { FastifyBaseLogger } from 'fastify'
import { FAI_ERR_OPTION_INVALID } from './errors'
import type { Exceptions } from './exceptions'
import { type Operation, kOperation, operationOf } from './operation'
import type { Config } from './options'
import { type Line, type LineFormat, type Tap, comparisonOf, formatOf, isQuiet, levelsOf, tap } from './pino'
import { LIMITS, cut, propertyName, propertyValue } from './properties'
import { createSeverities } from './severity'
import type { Telemetry } from './telemetry'
import { type Redaction, define, isObject, readProperty, scrubbed, writtenInLine } from './written'

type Fields = Record<string, unknown>
type LogConfig = Exclude<Config['logs'], false>

export interface LogCollector extends Tap {
  /** A request has its operation: what was written before is sent now. */
  readonly release: (logger: object) => void
}

/** What the line says, apart from where it belongs. */
interface Content {
  message: string | undefined
  readonly timestamp: number
  fields: Fields
}

/**
 * @param options `false` takes nothing but errors
 * @returns undefined where the logger is off or not pino
 * @throws FAI_ERR_OPTION_INVALID where `logs.level` is no level of this logger
 */
export function collectLogs (
  logger: FastifyBaseLogger,
  options: LogConfig | false,
  telemetry: Telemetry,
  exceptions: Exceptions | undefined,
  redaction: Redaction,
  warn: (message: string) => void
): LogCollector | undefined {
  const format = formatOf(logger)
  const severityOf = createSeverities()
  const isWanted = createThreshold(logger, options)
  const { filter, requestLogs } = options === false ? { filter: undefined, requestLogs: false } : options
  const early = new WeakMap<object, Line>()

  // Whatever goes wrong here must not reach the app's log call.
  function take (line: Line): void {
    try {
      if (!isWanted(line.level) || isQuiet(line.logger)) return
      const own = ownLine(line)
      if (own === undefined || requestLogs) {
        // Written before the request has its operation.
        if (own === 'incoming' && operationOfLogger(line.logger) === undefined) early.set(line.logger, line)
        else record(line)
      }
    } catch (error) {
      warn(`A log line could not be reported: ${textOf(error)}`)
    }
  }

  function release (requestLogger: object): void {
    const line = early.get(requestLogger)
    if (line === undefined) return
    early.delete(requestLogger)
    try {
      record(line)
    } catch (error) {
      warn(`A log line could not be reported: ${textOf(error)}`)
    }
  }

  function record (line: Line): void {
    const active = context.active()
    const operation = operationOfLogger(line.logger) ?? operationOf(active)
    if (operation?.silent === true) {
      telemetry.sampledOut++
      return
    }
    // Diagnostics of an export that someone logs: another export would follow from them.
    if (operation === undefined && isTracingSuppressed(active)) return
    // The active context may hold a span below the request's.
    const where: Context = operation === undefined || operationOf(active) === operation ? active : operation.context
    const severity = severityOf(line.logger, line.level)
    const live = liveError(line, format, severity, exceptions?.expected(operation))
    if (live === undefined && options === false) return

    const content = read(line, format, redaction)
    if (live === undefined) {
      if (isKept(line, content)) emitTrace(line, content, severity, where)
      return
    }

    const { key, error } = live
    const written = writtenInLine(line.logger, format, key, error, content.fields, redaction)
    content.message = scrubbed(content.message, written.secrets)
    content.fields = scrubbed(content.fields, written.secrets)
    if (!isKept(line, content)) return
    const ofFastify = isOfErrorHandler(line, error)
    const isException = severity >= SeverityNumber.ERROR ||
      // For the 4xx that are to be exceptions, Fastify's line at `info` is what it says of them.
      (ofFastify && exceptions?.clientErrors === true && exceptions.expected(operation)?.has(error) === true)
    if (exceptions !== undefined && isException && isReportable(error, exceptions.expected(operation))) {
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
        written,
        context: where,
        severity: Math.max(severity, SeverityNumber.ERROR),
        timestamp: content.timestamp,
        attributes: toAttributes(others),
        message: content.message
      })
      // What Fastify's handler says a second time, the exception row has said.
      if (reported || ofFastify) return
    }
    if (options !== false) emitTrace(line, content, severity, where)
  }

  function isKept ({ level }: Line, { message, fields }: Content): boolean {
    if (filter === undefined) return true
    try {
      return filter({ level, message: message ?? '', fields })
    } catch (error) {
      warn(`logs.filter failed, the line is sent: ${textOf(error)}`)
      return true
    }
  }

  function emitTrace (line: Line, content: Content, severityNumber: SeverityNumber, where: Context): void {
    telemetry.emit({
      context: where,
      timestamp: content.timestamp,
      severityNumber,
      body: bodyOf(line, content, format),
      attributes: toAttributes(content.fields)
    })
  }

  const tapped = tap(logger, { take, claims: () => operationOf(context.active())?.owner === telemetry })
  return tapped === undefined ? undefined : { ...tapped, release }
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
  if (severity < SeverityNumber.ERROR) return undefined
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

function read (line: Line, format: LineFormat, { line: redactLine, paths }: Redaction): Content {
  const text = redactLine(String(line.text))
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    // A streamWrite hook may write anything.
  }
  if (!isObject(parsed)) return { message: text.trim(), fields: {}, timestamp: timeOf(valueOf(line.time)) }

  const { messageKey, nestedKey } = format
  const time = valueOf(line.time)
  const nested = nestedKey === undefined ? undefined : parsed[nestedKey]
  let fields: Fields = {}
  let message: unknown
  let isTimeSeen = time === undefined
  for (const name of Object.keys(parsed)) {
    const value = parsed[name]
    if (name === messageKey) message = value
    else if (!isTimeSeen && value === time && name !== 'level') isTimeSeen = true
    else if (value === nested && name === nestedKey && isObject(nested)) continue
    else if (isImplied(name, value, line)) continue
    else if (name === '__proto__') define(fields, name, value)
    else fields[name] = value
  }
  if (isObject(nested)) {
    for (const name of Object.keys(nested)) define(fields, Object.hasOwn(fields, name) ? `${nestedKey}.${name}` : name, nested[name])
  }
  if (paths !== undefined) {
    const { [messageKey]: redacted, ...others } = paths(message === undefined ? fields : { ...fields, [messageKey]: message }) as Fields
    message = redacted
    fields = others
  }
  return {
    message: typeof message === 'string' ? message : message === undefined || message === null ? undefined : propertyValue(message, LIMITS.message),
    fields,
    timestamp: timeOf(time)
  }
}

const HOSTNAME = hostname()

/** The row has it in a column: severity, role instance. */
function isImplied (name: string, value: unknown, { level, logger }: Line): boolean {
  switch (name) {
    case 'level': return value === level || (typeof value === 'string' && levelsOf(logger)[value.toLowerCase()] === level)
    case 'pid': return value === process.pid
    case 'hostname': return value === HOSTNAME
    default: return false
  }
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

function toAttributes (fields: Fields): Attributes {
  const attributes: Attributes = {}
  const names = Object.keys(fields)
  const count = Math.min(names.length, LIMITS.properties)
  for (let i = 0; i < count; i++) {
    const name = names[i]!
    attributes[propertyName(name)] = propertyValue(fields[name])
  }
  if (names.length > count) attributes.droppedFields = String(names.length - count)
  return attributes
}

/** A row without a text says what the line was about. */
function bodyOf ({ object }: Line, { message, fields }: Content, { errorKey }: LineFormat): string {
  if (message !== undefined && message !== '') return cut(message, LIMITS.message)
  const error = fields[errorKey]
  if (typeof error === 'string' && error !== '') return cut(error, LIMITS.message)
  const text = readProperty(error, 'message')
  if (typeof text === 'string' && text !== '') return cut(text, LIMITS.message)
  // The bindings are the same for every line of a logger.
  const given = isObject(object) ? Object.entries(fields).filter(([name]) => Object.hasOwn(object, name)) : []
  const shown = given.length > 0 ? Object.fromEntries(given.slice(0, 20)) : fields
  return Object.keys(shown).length === 0 ? '(no message)' : cut(propertyValue(shown), 256)
}

function textOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
