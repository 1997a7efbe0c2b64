/** A line → its error, if it has one, and whether Fastify itself wrote the line. */
import { types } from 'node:util'
import type { SeverityNumber } from '@opentelemetry/api-logs'
import { isAbort } from '../rows/abort'
import { isObject, readProperty } from '../rows/hostile'
import type { LineFormat } from '../rows/line'
import type { Line } from './pino'
import { Severity } from '../rows/severity'

/**
 * Which of Fastify's own lines about a request this is. The request's row already says the same. A prefix or a hook may have
 * added to the message. For other lines, the app's objects aren't touched.
 */
export function fastifyLine ({ message, object, logger }: Line): 'incoming' | 'completed' | undefined {
  if (message === undefined) return undefined
  if (message.includes('incoming request')) return readProperty(readProperty(object, 'req'), 'log') === logger ? 'incoming' : undefined
  if (message.includes('request completed')) return readProperty(readProperty(object, 'res'), 'log') === logger ? 'completed' : undefined
  return undefined
}

/** Whether Fastify's error handler wrote the line. */
export function isOfErrorHandler ({ message, object, logger }: Line, error: unknown): boolean {
  if (readProperty(readProperty(object, 'res'), 'log') !== logger) return false
  const text = readProperty(error, 'message')
  return message === undefined || (typeof text === 'string' && message.includes(text))
}

const BROKEN_PAYLOAD = 'response terminated with an error with headers already sent'

/** Whether Fastify wrote the line, at `warn`, because the payload failed midway. An aborted one has usually lost its reader. */
export function isOfBrokenPayload ({ message }: Line, error: unknown): boolean {
  return message?.includes(BROKEN_PAYLOAD) === true && !isAbort(error)
}

/** The error object of a line, only to identify it. Its text is always taken from the line. */
export function liveError ({ object }: Line, { errorKey }: LineFormat, severity: SeverityNumber, expected: ReadonlySet<unknown> | undefined): { key: string, error: unknown } | undefined {
  if (!isObject(object)) return undefined
  // pino knows only errors of its own realm. It takes an error of a sandbox, given as the only argument, for fields.
  if (types.isNativeError(object)) return { key: errorKey, error: object }
  const error = readProperty(object, errorKey)
  if ((error !== undefined && error !== null) || (expected?.has(error) === true && Object.hasOwn(object, errorKey))) return { key: errorKey, error }
  if (severity < Severity.ERROR) return undefined
  for (const key of Object.keys(object)) {
    const value = readProperty(object, key)
    if (types.isNativeError(value)) return { key, error: value }
  }
  return undefined
}

/** `{ err: false }` is not an error, but `throw false` is. */
export function isReportable (error: unknown, expected: ReadonlySet<unknown> | undefined): boolean {
  return Boolean(error) || expected?.has(error) === true
}
