/** `console.log` and similar calls → trace rows, or exception rows if `console.error` gets an error. */
import { formatWithOptions } from 'node:util'
import type { Attributes, Context } from '@opentelemetry/api'
import type { LogRecord, SeverityNumber } from '@opentelemetry/api-logs'
import { isTracingSuppressed } from '@opentelemetry/core'
import { isError } from '../rows/hostile'
import { LIMITS, cut } from '../rows/properties'
import { Severity } from '../rows/severity'
import { context } from '../tracing/context'
import { operationOf } from '../tracing/operation'
import { type Warn, messageOf } from '../warnings'

const METHODS = { debug: Severity.DEBUG, log: Severity.INFO, info: Severity.INFO, warn: Severity.WARN, error: Severity.ERROR } as const
type Method = keyof typeof METHODS

/** The parts of a plugin instance that a line needs. */
export interface ConsoleTarget {
  emit: (record: LogRecord) => void
  /** Undefined if errors don't become exception rows. */
  readonly exceptions: { report: (occurrence: { error: unknown, context: Context, severity: SeverityNumber, attributes: Attributes, message: string | undefined }) => unknown } | undefined
}

interface Follower { readonly target: ConsoleTarget, readonly warn: Warn }

// All apps of a process share one console.
const followers: Follower[] = []
let restore: (() => void) | undefined
// If handling a row writes to the console, that must not cause another row.
let isBusy = false

/**
 * The console still prints everything. A line belongs to the app whose operation is active, or else to the first app.
 * @returns a function that stops it, and restores the methods that haven't been replaced since
 */
export function followConsole (target: ConsoleTarget, warn: Warn): () => void {
  const follower = { target, warn }
  followers.push(follower)
  restore ??= patch()
  return () => {
    const at = followers.indexOf(follower)
    if (at !== -1) followers.splice(at, 1)
    if (followers.length > 0) return
    restore?.()
    restore = undefined
  }
}

function patch (): () => void {
  const undo = (Object.keys(METHODS) as Method[]).map(method => {
    const original = console[method]
    function replacement (this: Console, ...given: unknown[]): void {
      original.apply(this, given)
      take(METHODS[method], given)
    }
    console[method] = replacement
    return () => { if (console[method] === replacement) console[method] = original }
  })
  return () => { for (const put of undo) put() }
}

function take (severity: SeverityNumber, given: unknown[]): void {
  if (isBusy) return
  const where = context.active()
  const operation = operationOf(where)
  if (operation?.silent === true || isTracingSuppressed(where)) return
  const follower = operation === undefined ? followers[0] : followers.find(({ target }) => target === operation.owner as object)
  if (follower === undefined) return
  isBusy = true
  try {
    report(follower.target, severity, given, where)
  } catch (error) {
    follower.warn(`A line of the console could not be reported: ${messageOf(error)}`)
  } finally {
    isBusy = false
  }
}

function report (target: ConsoleTarget, severityNumber: SeverityNumber, given: unknown[], where: Context): void {
  const error = severityNumber >= Severity.ERROR ? given.find(isError) : undefined
  const attributes: Attributes = { logger: 'console' }
  if (error !== undefined && target.exceptions !== undefined) {
    // If the error is the only argument, it brings its own message.
    const message = given.length > 1 ? textOf(given.map(value => isError(value) ? messageOf(value) : value)) : undefined
    target.exceptions.report({ error, context: where, severity: severityNumber, attributes, message })
    return
  }
  const body = textOf(given)
  if (body !== '') target.emit({ context: where, severityNumber, body, attributes })
}

function textOf (given: unknown[]): string {
  return cut(formatWithOptions({ colors: false }, ...given).toWellFormed(), LIMITS.message)
}
