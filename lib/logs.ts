/** Log line → log record: a trace row, or an exception row where the line brings an error. */
import { hostname } from 'node:os'
import { type Attributes, type Context, context } from '@opentelemetry/api'
import { SeverityNumber } from '@opentelemetry/api-logs'
import createRedact from '@pinojs/redact'
import type { FastifyBaseLogger } from 'fastify'
import { FAI_ERR_OPTION_INVALID } from './errors'
import { type Exceptions } from './exceptions'
import { type Operation, kOperation, operationOf } from './operation'
import type { Config } from './options'
import { type Line, type LineFormat, formatOf, isQuiet, serialize, tap } from './pino'
import { LIMITS, cut, propertyName, propertyValue } from './properties'
import type { Telemetry } from './telemetry'

type Fields = Record<string, unknown>

/** What the line says, apart from where it belongs. */
interface Content {
  readonly message: string | undefined
  readonly fields: Fields
  readonly timestamp: number
}

/**
 * @returns the call that stops it, or undefined where the logger is off or not pino
 * @throws FAI_ERR_OPTION_INVALID where `logs.level` is no level of this logger
 */
export function collectLogs (
  logger: FastifyBaseLogger,
  options: Exclude<Config['logs'], false>,
  telemetry: Telemetry,
  exceptions: Exceptions | undefined,
  warn: (message: string) => void
): (() => void) | undefined {
  const format = formatOf(logger)
  const lowest = options.level === undefined ? -Infinity : format.levels[options.level]
  if (lowest === undefined) throw new FAI_ERR_OPTION_INVALID('logs.level', `a level of the app's logger (${Object.keys(format.levels).join(', ') || 'the logger is off'})`)
  const severityOf = createSeverities(format)
  const redact = options.redact === undefined || options.redact.length === 0
    ? undefined
    : createRedact({ paths: options.redact, censor: '[Redacted]', serialize: false })

  function take (line: Line): void {
    if (line.level < lowest! || isQuiet(line.logger)) return
    const operation = (line.logger as { [kOperation]?: Operation })[kOperation]
    const own = fastifysOwn(line)
    if (own !== undefined && !options.requestLogs) return
    // Written before the request's span is open: a moment later it is.
    if (own === 'incoming') queueMicrotask(() => guarded(line, (line.logger as { [kOperation]?: Operation })[kOperation]))
    else guarded(line, operation)
  }

  function guarded (line: Line, operation: Operation | undefined): void {
    try {
      record(line, operation)
    } catch (error) {
      warn(`A log line could not be reported: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  function record (line: Line, given: Operation | undefined): void {
    const active = context.active()
    const operation = given ?? operationOf(active)
    if (operation?.silent === true) {
      telemetry.sampledOut++
      return
    }
    // The active context may hold a span below the request's.
    const where: Context = operation === undefined || operationOf(active) === operation ? active : operation.context
    const severity = severityOf(line.level)
    const content = read(line, format, telemetry.redactor.line, redact)
    const { fields } = content

    const live = liveError(line, format)
    const message = live === undefined ? content.message : asRedacted(content.message, live.error, fields[live.key])
    if (options.filter !== undefined && !kept(options.filter, line.level, message ?? '', fields, warn)) return

    if (exceptions !== undefined && live !== undefined && severity >= SeverityNumber.ERROR &&
      ((live.error !== null && live.error !== undefined) || exceptions.expected(operation, live.error))) {
      const serialized = live.key === format.errorKey ? fields[live.key] : serialize(line.logger, format.errorKey, live.error)
      const { [live.key]: _, ...others } = fields
      const fastifys = isFastifysErrorLine(line, message, live.error)
      if (fastifys) {
        // The request's row says the same.
        delete others.req
        delete others.res
      }
      const extra = errorFields(serialized)
      const attributes = toAttributes(extra === undefined ? others : { ...others, [live.key]: extra })
      const sighting = { error: live.error, serialized, context: where, severity, timestamp: content.timestamp, attributes, ...(message === undefined ? {} : { message }) }
      // What Fastify's handler says a second time, the exception row has said.
      if (exceptions.report(sighting) || fastifys) return
    }

    telemetry.emit({
      context: where,
      timestamp: content.timestamp,
      severityNumber: severity,
      body: cut(bodyOf(message, fields, format), LIMITS.message),
      attributes: toAttributes(fields)
    })
  }

  return tap(logger, take)
}

// Which of Fastify's own lines about a request this is: its row says the same.
function fastifysOwn (line: Line): 'incoming' | 'completed' | undefined {
  const { object, logger, text } = line
  const { req, res } = object as { req?: { log?: unknown }, res?: { log?: unknown } }
  if (req?.log === logger && text.includes('"incoming request"')) return 'incoming'
  if (res?.log === logger && 'responseTime' in object && text.includes('"request completed"')) return 'completed'
  return undefined
}

function isFastifysErrorLine (line: Line, message: string | undefined, error: unknown): boolean {
  const { res } = line.object as { res?: { log?: unknown } }
  return res?.log === line.logger && (message === undefined || message === (error as Error | null)?.message)
}

/** The error of a line, by identity; its text comes from the line alone. */
function liveError ({ object }: Line, { errorKey }: LineFormat): { key: string, error: unknown } | undefined {
  if (errorKey in object && object[errorKey] !== undefined) return { key: errorKey, error: object[errorKey] }
  return object.error instanceof Error ? { key: 'error', error: object.error } : undefined
}

/** pino takes the message of an error for the line's: where the error's is redacted, this copy must be too. */
function asRedacted (message: string | undefined, error: unknown, written: unknown): string | undefined {
  const live = (error as { message?: unknown } | null)?.message
  if (message === undefined || typeof live !== 'string' || live === '' || typeof written !== 'object' || written === null) return message
  const text = (written as { message?: unknown }).message
  if (typeof text === 'string' && text.startsWith(live)) return message
  return message.replaceAll(live, typeof text === 'string' ? text : '[Redacted]')
}

/** What an error carries beyond type, message, stack and code, which have places of their own. */
function errorFields (serialized: unknown): Fields | undefined {
  if (typeof serialized !== 'object' || serialized === null) return undefined
  const { type, message, stack, code, name, cause, ...extra } = serialized as Fields
  return Object.keys(extra).length === 0 ? undefined : extra
}

function kept (filter: NonNullable<Exclude<Config['logs'], false>['filter']>, level: number, message: string, fields: Fields, warn: (message: string) => void): boolean {
  try {
    return filter({ level, message, fields })
  } catch (error) {
    warn(`logs.filter failed, the line is sent: ${error instanceof Error ? error.message : String(error)}`)
    return true
  }
}

function read (line: Line, format: LineFormat, redactLine: (text: string) => string, redact: ((object: Fields) => unknown) | undefined): Content {
  let parsed: unknown
  try {
    parsed = JSON.parse(redactLine(line.text))
  } catch {
    // A streamWrite hook may write anything.
    return { message: redactLine(line.text).trim(), fields: {}, timestamp: Date.now() }
  }
  if (typeof parsed !== 'object' || parsed === null) return { message: String(parsed), fields: {}, timestamp: Date.now() }
  const all = (redact === undefined ? parsed : redact(parsed as Fields)) as Fields

  const fields: Fields = {}
  let message: string | undefined
  let timestamp: number | undefined
  for (const name of Object.keys(all)) {
    const value = all[name]
    if (name === format.messageKey) {
      message = typeof value === 'string' ? value : propertyValue(value)
    } else if (name === 'time' || (name === 'timestamp' && timestamp === undefined)) {
      const time = milliseconds(value)
      if (time === undefined) fields[name] = value
      else timestamp = time
    } else if (name === 'level' && (value === line.level || typeof value === 'string')) {
      // The row's severity.
    } else if ((name === 'pid' && value === process.pid) || (name === 'hostname' && value === HOSTNAME)) {
      // pino's default base: the row's role instance.
    } else if (name === format.nestedKey && typeof value === 'object' && value !== null) {
      for (const [inner, innerValue] of Object.entries(value)) put(fields, inner, innerValue)
    } else {
      put(fields, name, value)
    }
  }
  return { message, fields, timestamp: timestamp ?? Date.now() }
}

// An assignment to `__proto__` would set the prototype instead of a field.
function put (fields: Fields, name: string, value: unknown): void {
  fields[name === '__proto__' ? propertyName(name) : name] = value
}

const HOSTNAME = hostname()

/** Milliseconds since 1970 of what pino's and other timestamp functions write: milliseconds, seconds, ISO. */
function milliseconds (value: unknown): number | undefined {
  if (typeof value === 'number' && value > 0) return value < 1e11 ? value * 1_000 : value < 1e14 ? value : undefined
  if (typeof value !== 'string') return undefined
  const time = Date.parse(value)
  return Number.isNaN(time) ? undefined : time
}

function toAttributes (fields: Fields): Attributes {
  const attributes: Attributes = {}
  const names = Object.keys(fields)
  const count = Math.min(names.length, LIMITS.properties)
  for (let i = 0; i < count; i++) {
    const name = names[i]!
    const value = fields[name]
    if (value !== null && value !== undefined) attributes[propertyName(name)] = propertyValue(value)
  }
  if (names.length > count) attributes.droppedFields = names.length - count
  return attributes
}

/** A row without a text says what the line was about. */
function bodyOf (message: string | undefined, fields: Fields, { errorKey }: LineFormat): string {
  if (message !== undefined && message !== '') return message
  const error = fields[errorKey] as { message?: unknown } | undefined
  if (typeof error?.message === 'string' && error.message !== '') return error.message
  const text = propertyValue(fields)
  return text === '{}' ? '(no message)' : cut(text, 256)
}

const NAMED: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  silly: SeverityNumber.TRACE,
  verbose: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  notice: SeverityNumber.INFO2,
  warn: SeverityNumber.WARN,
  warning: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  err: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
  crit: SeverityNumber.FATAL,
  critical: SeverityNumber.FATAL,
  alert: SeverityNumber.FATAL,
  emerg: SeverityNumber.FATAL,
  emergency: SeverityNumber.FATAL
}

/** By the level's name where it is a common one, which is right for inverted levels too; else by its value. */
function createSeverities ({ levels }: LineFormat): (level: number) => SeverityNumber {
  const byValue = new Map<number, SeverityNumber>()
  for (const [name, value] of Object.entries(levels)) {
    const severity = NAMED[name.toLowerCase()]
    if (severity !== undefined) byValue.set(value, severity)
  }
  return level => byValue.get(level) ?? (
    level < 20
      ? SeverityNumber.TRACE
      : level < 30
        ? SeverityNumber.DEBUG
        : level < 40
          ? SeverityNumber.INFO
          : level < 50 ? SeverityNumber.WARN : level < 60 ? SeverityNumber.ERROR : SeverityNumber.FATAL)
}
