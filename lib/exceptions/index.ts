/** Error → exactly one exception record, however often it is thrown, seen and logged. */
import { type Attributes, type Context } from '@opentelemetry/api'
import type { SeverityNumber } from '@opentelemetry/api-logs'
import { Fate, type Operation, operationOf } from '../tracing/operation'
import { LIMITS, cut, propertyName, propertyValue } from '../rows/properties'
import { Severity } from '../logs/severity'
import type { Instance } from '../tracing/instance'
import { type Written, isObject, readProperty, scrubbed } from '../logs/pino/serialized-error'

/** What is known of an error beside itself. */
export interface Sighting {
  readonly error: unknown
  /** The field it was logged in. @default err */
  readonly key?: string
  /** The error in a line of the app's logger; undefined where nobody logged it. */
  readonly written?: Written
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
  report: (sighting: Sighting) => boolean
  /** The error was thrown: its row waits for a log line about it, or for the request's end. */
  expect: (operation: Operation, error: unknown) => void
  /** The request ended with `statusCode`: what nobody logged is reported now. */
  settle: (operation: Operation, statusCode: number) => void
  /** The errors that wait for their rows in this operation. */
  expected: (operation: Operation | undefined) => ReadonlySet<unknown> | undefined
}

interface Description { type: string, message: string, stack: string, code: string | undefined }

const MAX_PARTS = 18
const MAX_AGGREGATED = 10
const MAX_TYPE = 1_024
const CENSOR = '[Redacted]'
const OUTSIDE = ''

/** @param write the error as the app's logger would write it */
export function createExceptions (telemetry: Pick<Instance, 'emit' | 'redactor'>, clientErrors: boolean, write: (error: unknown, operation: Operation | undefined) => Written): Exceptions {
  // With the operation in which it was reported: an error made once and thrown by many requests is news in each.
  const reported = new WeakMap<object, string>()
  // A thrown string has no identity: within one operation, equal is the same.
  const reportedValues = new WeakMap<Operation, Set<unknown>>()

  function isReported (error: unknown, operation: Operation | undefined): boolean {
    if (operation?.errors?.has(error) === true) return false
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
    for (const part of partsOf(error)) {
      operation?.errors?.delete(part)
      if (isReference(part)) reported.set(part, idOf(operation))
    }
  }

  function report (sighting: Sighting): boolean {
    const operation = operationOf(sighting.context)
    const { error } = sighting
    if (isReported(error, operation)) return false
    markReported(error, operation)
    try {
      telemetry.emit({
        context: sighting.context,
        severityNumber: sighting.severity,
        ...(sighting.timestamp === undefined ? {} : { timestamp: sighting.timestamp }),
        attributes: attributesOf(sighting, sighting.written ?? write(error, operation))
      })
    } catch {
      // Hostile beyond all precautions, and still worth a row.
      const attributes = { 'exception.type': 'Error', 'exception.message': '(the error could not be read)', 'exception.stacktrace': 'Error' }
      telemetry.emit({ context: sighting.context, severityNumber: sighting.severity, attributes })
    }
    return true
  }

  function attributesOf ({ error, key = 'err', message: logMessage, attributes: given }: Sighting, written: Written): Attributes {
    const { redactor } = telemetry
    const { type, message, stack, code } = describe(error, written)
    const attributes: Attributes = { ...given }
    attributes['exception.type'] = cut(type, MAX_TYPE)
    attributes['exception.message'] = cut(redactor.text(message), LIMITS.message)
    attributes['exception.stacktrace'] = cut(redactor.text(stack), LIMITS.stack)
    const extra = extraFields(written)
    if (extra !== undefined) attributes[propertyName(key)] = propertyValue(extra)
    if (code !== undefined && attributes.code === undefined) attributes.code = propertyValue(code)
    // The exporter drops an exception record's body.
    if (logMessage !== undefined) {
      if (attributes.logMessage !== undefined) attributes[propertyName('field.logMessage')] = attributes.logMessage
      attributes.logMessage = propertyValue(logMessage)
    }
    return attributes
  }

  return {
    clientErrors,
    report,
    expect (operation, error) {
      if (operation.fate === Fate.Dropped) return
      if (isReference(error)) {
        const where = reported.get(error)
        if (where === OUTSIDE) reported.set(error, idOf(operation))
        if (where === OUTSIDE || where === idOf(operation)) return
      } else if (isReported(error, operation)) {
        return
      }
      operation.errors ??= new Set()
      operation.errors.add(error)
    },
    expected: operation => operation?.errors,
    settle (operation, statusCode) {
      const { errors } = operation
      if (errors === undefined) return
      if (clientErrors || statusCode < 400 || statusCode >= 500) {
        for (const error of [...errors]) {
          // What was the cause of another one is not here any more.
          if (errors.has(error)) report({ error, context: operation.context, severity: Severity.ERROR })
        }
      }
      operation.errors = undefined
    }
  }
}

function idOf (operation: Operation | undefined): string {
  return operation === undefined ? OUTSIDE : operation.span.spanContext().spanId
}

function isReference (value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function readText (object: unknown, name: string): string | undefined {
  const value = readProperty(object, name)
  return typeof value === 'string' ? value : undefined
}

function codeOf (object: unknown): string | undefined {
  const code = readProperty(object, 'code')
  return (typeof code === 'string' && code !== '') || typeof code === 'number' ? String(code) : undefined
}

/** The error, its causes and what it aggregates, each once, outermost first. */
function partsOf (error: unknown): unknown[] {
  const parts: unknown[] = [error]
  for (let i = 0; i < parts.length && parts.length < MAX_PARTS; i++) {
    const aggregated = readProperty(parts[i], 'errors')
    const next = [readProperty(parts[i], 'cause'), ...(Array.isArray(aggregated) ? aggregated.slice(0, MAX_AGGREGATED) as unknown[] : [])]
    for (const part of next) {
      if (part !== undefined && part !== null && typeof part !== 'function' && !parts.includes(part)) parts.push(part)
    }
  }
  return parts
}

/**
 * What the logger writes of an error is what may be sent of it: it may have redacted or left out any part. Of what it
 * leaves out, only the frames of the stack are added, which hold no data; and not even they where it redacts.
 */
function describe (error: unknown, { value, isWritten, secrets, strict }: Written): Description {
  const own = describeOwn(error)
  let { message, code } = own
  let type = own.type
  let stack: string | undefined
  if (isObject(value)) {
    type = readText(value, 'type') ?? (isErrorLike(error) ? type : 'Object')
    code = codeOf(value)
    message = readText(value, 'message') ?? (isErrorLike(error) ? (isWritten(own.message) ? own.message : '') : propertyValue(value))
    stack = stackOfWritten(value)
    // pino appends the messages of the causes, which have their places in the stack.
    if (own.message !== '' && message.startsWith(`${own.message}: `) && readProperty(error, 'cause') !== undefined) message = own.message
  } else if (typeof value === 'string') {
    message = value
    code = undefined
  } else if (!isWritten(own.message)) {
    message = strict ? CENSOR : ''
    code = undefined
  }

  if (stack === undefined && isWritten(own.ownStack)) stack = own.stack === own.ownStack || partsOf(error).every(part => isWritten(stackOf(part))) ? own.stack : own.ownStack
  if (stack === undefined && !strict) stack = [firstLine(type, message), ...framesOf(own.ownStack)].join('\n')
  // Never empty: the exporter drops an exception without a stack.
  if (stack === undefined || stack.trim() === '') stack = firstLine(type, message)
  return { type: scrubbed(type, secrets), message: scrubbed(message, secrets), stack: scrubbed(stack, secrets), code }
}

/** What an error carries beyond type, message, stack and code, which have places of their own. */
function extraFields ({ value, secrets }: Written): object | undefined {
  if (!isObject(value)) return undefined
  const { type, message, stack, code, name, cause, aggregateErrors, ...extra } = value
  return Object.keys(extra).length === 0 ? undefined : scrubbed(extra, secrets)
}

/** The stack, with those of causes and aggregated errors, as far as a serializer has written them. */
function stackOfWritten (value: unknown, depth = 0): string | undefined {
  const own = readText(value, 'stack')
  if (own === undefined || depth > MAX_AGGREGATED) return own
  let stack = own
  const cause = readProperty(value, 'cause')
  const causeStack = stackOfWritten(cause, depth + 1) ?? readText(cause, 'message')
  if (causeStack !== undefined && !stack.includes(causeStack)) stack += `\ncaused by: ${causeStack}`
  const aggregated = readProperty(value, 'aggregateErrors')
  if (Array.isArray(aggregated)) {
    for (const part of aggregated.slice(0, MAX_AGGREGATED) as unknown[]) {
      const text = stackOfWritten(part, depth + 1) ?? readText(part, 'message') ?? (typeof part === 'string' ? part : undefined)
      if (text !== undefined) stack += `\none of its errors: ${text}`
    }
  }
  return stack
}

function describeOwn (error: unknown): Description & { ownStack: string } {
  if (!isErrorLike(error)) {
    const type = error === null ? 'null' : isReference(error) ? constructorName(error) ?? 'Object' : typeof error
    const message = isReference(error) ? readText(error, 'message') ?? propertyValue(error) : String(error)
    const stack = firstLine(type, message)
    return { type, message, stack, ownStack: stack, code: codeOf(error) }
  }
  const ownStack = stackOf(error)
  let stack = ownStack
  const causes = new Set<unknown>()
  for (let cause = readProperty(error, 'cause'); cause !== undefined && cause !== null && !causes.has(cause) && causes.size < MAX_PARTS; cause = readProperty(cause, 'cause')) causes.add(cause)
  for (const part of partsOf(error).slice(1)) stack += `\n${causes.has(part) ? 'caused by' : 'one of its errors'}: ${stackOf(part)}`
  return { type: typeOf(error), message: readText(error, 'message') ?? '', stack, ownStack, code: codeOf(error) }
}

function isErrorLike (value: unknown): value is object {
  return isReference(value) && (isInstanceOfError(value) || (readText(value, 'stack') !== undefined && readText(value, 'message') !== undefined))
}

function isInstanceOfError (value: object): boolean {
  try {
    return value instanceof Error
  } catch {
    // A proxy may refuse to tell.
    return false
  }
}

function typeOf (error: object): string {
  const name = readText(error, 'name')
  if (name !== undefined && name !== '' && name !== 'Error') return name
  return constructorName(error) ?? 'Error'
}

function constructorName (object: object): string | undefined {
  const name = readText(readProperty(object, 'constructor'), 'name')
  return name === undefined || name === '' ? undefined : name
}

/** Never empty: the exporter drops an exception without a stack. */
function stackOf (error: unknown): string {
  const stack = readText(error, 'stack')
  if (stack !== undefined && stack.trim() !== '') return stack
  if (isErrorLike(error)) return firstLine(typeOf(error), readText(error, 'message') ?? '')
  return isReference(error) ? firstLine(constructorName(error) ?? 'Object', readText(error, 'message') ?? propertyValue(error)) : String(error)
}

function framesOf (stack: string): string[] {
  return stack.split('\n').filter(line => /^\s+at .+/.test(line))
}

function firstLine (type: string, message: string): string {
  return message === '' ? type : `${type}: ${message}`
}
