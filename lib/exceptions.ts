/** Error → exactly one exception record, however often it is thrown, seen and logged. */
import { type Attributes, type Context } from '@opentelemetry/api'
import { SeverityNumber } from '@opentelemetry/api-logs'
import { Fate, type Operation, operationOf } from './operation'
import { LIMITS, cut, propertyValue } from './properties'
import type { Telemetry } from './telemetry'

/** What is known of an error beside itself. */
export interface Sighting {
  readonly error: unknown
  /** The error as the app's logger writes it, after redaction; undefined where nobody logged it. */
  readonly serialized: unknown
  readonly context: Context
  readonly severity: SeverityNumber
  /** The line's message and fields, where a line brought it. */
  readonly message?: string
  readonly attributes?: Attributes
  readonly timestamp?: number
}

export interface Exceptions {
  /** @returns false where this error has its row already */
  report: (sighting: Sighting) => boolean
  /** The error was thrown: its row waits for a log line about it, or for the request's end. */
  expect: (operation: Operation, error: unknown) => void
  /** The request ended with `statusCode`: what nobody logged is reported now. */
  settle: (operation: Operation, statusCode: number) => void
  /** Whether `error` is waiting for its row in this operation. */
  expected: (operation: Operation | undefined, error: unknown) => boolean
}

interface Description { type: string, message: string, stack: string, code: string | undefined }

const MAX_CAUSES = 8
const MAX_AGGREGATED = 10

/** @param serialize the error as the app's logger would write it */
export function createExceptions (telemetry: Telemetry, clientErrors: boolean, serialize: (error: unknown) => unknown): Exceptions {
  const reported = new WeakSet<object>()
  // A thrown string has no identity: within one operation, equal is the same.
  const reportedValues = new WeakMap<Operation, Set<unknown>>()

  function isReported (error: unknown, operation: Operation | undefined): boolean {
    if (isReference(error)) return reported.has(error)
    return operation !== undefined && reportedValues.get(operation)?.has(error) === true
  }

  function markReported (error: unknown, operation: Operation | undefined): void {
    operation?.errors?.delete(error)
    if (!isReference(error)) {
      if (operation === undefined) return
      const values = reportedValues.get(operation) ?? new Set()
      reportedValues.set(operation, values.add(error))
      return
    }
    // Its causes stand in its own stack: they need no rows of their own afterwards.
    for (const part of withCauses(error)) {
      if (isReference(part)) reported.add(part)
    }
  }

  function report (sighting: Sighting): boolean {
    const operation = operationOf(sighting.context)
    if (isReported(sighting.error, operation)) return false
    markReported(sighting.error, operation)
    const { redactor } = telemetry
    const { type, message, stack, code } = describe(sighting.error, sighting.serialized)
    const attributes: Attributes = { ...sighting.attributes }
    attributes['exception.type'] = cut(type, 1_024)
    attributes['exception.message'] = cut(redactor.text(message), LIMITS.message)
    attributes['exception.stacktrace'] = cut(redactor.text(stack), LIMITS.stack)
    if (code !== undefined && attributes.code === undefined) attributes.code = propertyValue(code)
    // The exporter drops an exception record's body.
    if (sighting.message !== undefined) attributes.logMessage = propertyValue(sighting.message)
    telemetry.emit({
      context: sighting.context,
      severityNumber: sighting.severity,
      ...(sighting.timestamp === undefined ? {} : { timestamp: sighting.timestamp }),
      attributes
    })
    return true
  }

  return {
    report,
    expect (operation, error) {
      if (operation.fate === Fate.Dropped || isReported(error, operation)) return
      operation.errors ??= new Set()
      operation.errors.add(error)
    },
    expected: (operation, error) => operation?.errors?.has(error) === true,
    settle (operation, statusCode) {
      const errors = operation.errors
      operation.errors = undefined
      if (errors === undefined || (!clientErrors && statusCode >= 400 && statusCode < 500)) return
      for (const error of errors) {
        report({ error, serialized: serialize(error), context: operation.context, severity: SeverityNumber.ERROR })
      }
    }
  }
}

function isReference (value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** Reads a property of an object that may be hostile. */
function read (object: unknown, name: string): unknown {
  if (!isReference(object)) return undefined
  try {
    return (object as Record<string, unknown>)[name]
  } catch {
    return undefined
  }
}

function readText (object: unknown, name: string): string | undefined {
  const value = read(object, name)
  return typeof value === 'string' ? value : undefined
}

/** The error, its causes and what it aggregates, each once, outermost first. */
function withCauses (error: object): unknown[] {
  const parts: unknown[] = [error]
  for (let i = 0; i < parts.length && parts.length < MAX_CAUSES + MAX_AGGREGATED; i++) {
    const cause = read(parts[i], 'cause')
    const aggregated = read(parts[i], 'errors')
    const next = Array.isArray(aggregated) ? [cause, ...aggregated.slice(0, MAX_AGGREGATED) as unknown[]] : [cause]
    for (const part of next) {
      if (part !== undefined && part !== null && !parts.includes(part)) parts.push(part)
    }
  }
  return parts
}

/** Where the logger has redacted a part of the error, that part is the logger's; otherwise it is the error's own. */
function describe (error: unknown, serialized: unknown): Description {
  const own = describeValue(error)
  if (!isReference(serialized)) return own
  const logged = {
    type: readText(serialized, 'type'),
    message: readText(serialized, 'message'),
    stack: readText(serialized, 'stack'),
    code: read(serialized, 'code')
  }
  const isOwn = (text: string | undefined, live: string | undefined): boolean => text !== undefined && live !== undefined && text.startsWith(live)
  const liveMessage = readText(error, 'message')
  const messageIsOwn = isOwn(logged.message, liveMessage)
  const message = messageIsOwn ? own.message : logged.message ?? ''
  let stack = isOwn(logged.stack, readText(error, 'stack')) ? own.stack : logged.stack ?? ''
  // V8 begins a stack with the message: redacting one redacts the other.
  if (!messageIsOwn && liveMessage) stack = stack.replaceAll(liveMessage, message === '' ? '[Redacted]' : message)
  const type = logged.type ?? own.type
  return {
    type,
    message,
    stack: stack === '' ? firstLine(type, message) : stack,
    code: typeof logged.code === 'string' || typeof logged.code === 'number' ? String(logged.code) : undefined
  }
}

function describeValue (error: unknown): Description {
  if (!isErrorLike(error)) {
    const type = error === null ? 'null' : isReference(error) ? constructorName(error) ?? 'Object' : typeof error
    const message = isReference(error) ? readText(error, 'message') ?? propertyValue(error) : String(error)
    const code = read(error, 'code')
    return { type, message, stack: firstLine(type, message), code: typeof code === 'string' ? code : undefined }
  }
  const type = typeOf(error)
  const message = readText(error, 'message') ?? ''
  const code = read(error, 'code')
  const [first, ...rest] = withCauses(error)
  let stack = stackOf(first)
  for (const part of rest) stack += `\nCaused by: ${stackOf(part)}`
  return { type, message, stack, code: typeof code === 'string' || typeof code === 'number' ? String(code) : undefined }
}

function isErrorLike (value: unknown): value is object {
  return value instanceof Error || (isReference(value) && readText(value, 'stack') !== undefined && readText(value, 'message') !== undefined)
}

function typeOf (error: object): string {
  const name = readText(error, 'name')
  if (name !== undefined && name !== '' && name !== 'Error') return name
  return constructorName(error) ?? 'Error'
}

function constructorName (object: object): string | undefined {
  const name = readText(read(object, 'constructor'), 'name')
  return name === undefined || name === '' ? undefined : name
}

/** Never empty: the exporter drops an exception without a stack. */
function stackOf (error: unknown): string {
  const stack = readText(error, 'stack')
  if (stack !== undefined && stack.trim() !== '') return stack
  if (isErrorLike(error)) return firstLine(typeOf(error), readText(error, 'message') ?? '')
  return isReference(error) ? firstLine(constructorName(error) ?? 'Object', readText(error, 'message') ?? propertyValue(error)) : String(error)
}

function firstLine (type: string, message: string): string {
  return message === '' ? type : `${type}: ${message}`
}
