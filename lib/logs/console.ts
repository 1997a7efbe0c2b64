/** `console.log` and its like → trace rows, and exception rows where `console.error` is given an error. */
import { formatWithOptions } from 'node:util'
import type { Attributes, Context } from '@opentelemetry/api'
import type { LogRecord, SeverityNumber } from '@opentelemetry/api-logs'
import { isTracingSuppressed } from '@opentelemetry/core'
import type { Exceptions } from '../exceptions'
import { isError } from '../rows/hostile'
import { LIMITS, cut } from '../rows/properties'
import { context } from '../tracing/context'
import { operationOf } from '../tracing/operation'
import { type Warn, messageOf } from '../warnings'
import { Severity } from '../rows/severity'

const METHODS = { debug: Severity.DEBUG, log: Severity.INFO, info: Severity.INFO, warn: Severity.WARN, error: Severity.ERROR } as const
type Method = keyof typeof METHODS

export interface ConsoleTarget {
  emit: (record: LogRecord) => void
  readonly exceptions: Exceptions | undefined
}

/**
 * What is written still appears where it did. Returns how to stop, which puts the methods back where nobody has
 * replaced them meanwhile.
 */
export function followConsole (target: ConsoleTarget, warn: Warn): () => void {
  // A destination that writes to the console itself must not make rows of what rows have caused.
  let isBusy = false
  let isOver = false

  function take (severity: SeverityNumber, given: unknown[]): void {
    if (isBusy || isOver) return
    isBusy = true
    try {
      const where = context.active()
      if (operationOf(where)?.silent !== true && !isTracingSuppressed(where)) report(target, severity, given, where)
    } catch (error) {
      warn(`A line of the console could not be reported: ${messageOf(error)}`)
    } finally {
      isBusy = false
    }
  }

  const restore = (Object.keys(METHODS) as Method[]).map(method => {
    const original = console[method]
    function replacement (this: Console, ...given: unknown[]): void {
      original.apply(this, given)
      take(METHODS[method], given)
    }
    console[method] = replacement
    return () => { if (console[method] === replacement) console[method] = original }
  })
  return () => {
    isOver = true
    for (const put of restore) put()
  }
}

function report (target: ConsoleTarget, severityNumber: SeverityNumber, given: unknown[], where: Context): void {
  const body = cut(formatWithOptions({ colors: false }, ...given).toWellFormed(), LIMITS.message)
  const error = severityNumber >= Severity.ERROR ? given.find(isError) : undefined
  if (error !== undefined && target.exceptions !== undefined) {
    // The error alone is its own message.
    target.exceptions.report({ error, context: where, severity: severityNumber, attributes: { logger: 'console' }, ...(given.length > 1 ? { message: firstLineOf(given) } : {}) })
    return
  }
  if (body === '') return
  const attributes: Attributes = { logger: 'console' }
  target.emit({ context: where, severityNumber, body, attributes })
}

/** What was said beside errors, whose stacks have a place of their own. */
function firstLineOf (given: unknown[]): string {
  return formatWithOptions({ colors: false }, ...given.map(value => isError(value) ? messageOf(value) : value)).toWellFormed()
}
