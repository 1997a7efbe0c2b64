/** An error → the error, its causes and the errors it aggregates, and one stack with all of them. */
import { constructorName, isArray, isError, isReference, readProperty, readText } from '../rows/hostile'
import { propertyValue } from '../rows/properties'
import { describeFunction, errorType } from '../rows/serialize'

const MAX_PARTS = 18
const MAX_AGGREGATED = 10

/** Each part once, outermost first. */
export function partsOf (error: unknown): unknown[] {
  const parts: unknown[] = [error]
  for (let i = 0; i < parts.length && parts.length < MAX_PARTS; i++) {
    const aggregated = readProperty(parts[i], 'errors')
    const next = [readProperty(parts[i], 'cause'), ...(isArray(aggregated) ? aggregated.slice(0, MAX_AGGREGATED) : [])]
    for (const part of next) {
      if (part !== undefined && part !== null && typeof part !== 'function' && !parts.includes(part)) parts.push(part)
    }
  }
  return parts
}

/** The error's own stack, followed by those of its causes and aggregated errors. */
export function stackWithCauses (error: object): string {
  const causes = new Set<unknown>()
  for (let cause = readProperty(error, 'cause'); cause !== undefined && cause !== null && !causes.has(cause) && causes.size < MAX_PARTS; cause = readProperty(cause, 'cause')) causes.add(cause)
  let stack = stackOf(error)
  for (const part of partsOf(error).slice(1)) stack += `\n${causes.has(part) ? 'caused by' : 'one of its errors'}: ${stackOf(part)}`
  return stack
}

/** The same for a serialized error, from the parts that the serializer wrote. */
export function stackOfSerialized (value: unknown, depth = 0): string | undefined {
  const own = readText(value, 'stack')
  if (own === undefined || depth > MAX_AGGREGATED) return own
  let stack = own
  const cause = readProperty(value, 'cause')
  const causeStack = stackOfSerialized(cause, depth + 1) ?? readText(cause, 'message')
  if (causeStack !== undefined && !stack.includes(causeStack)) stack += `\ncaused by: ${causeStack}`
  const aggregated = readProperty(value, 'aggregateErrors')
  if (isArray(aggregated)) {
    for (const part of aggregated.slice(0, MAX_AGGREGATED)) {
      const text = stackOfSerialized(part, depth + 1) ?? readText(part, 'message') ?? (typeof part === 'string' ? part : undefined)
      if (text !== undefined) stack += `\none of its errors: ${text}`
    }
  }
  return stack
}

/** Never empty: the exporter drops an exception without a stack. */
export function stackOf (error: unknown): string {
  const stack = readText(error, 'stack')
  return stack !== undefined && stack.trim() !== '' ? stack : firstLine(typeOf(error), messageOf(error))
}

export function isErrorLike (value: unknown): value is object {
  return isReference(value) && (isError(value) || (readText(value, 'stack') !== undefined && readText(value, 'message') !== undefined))
}

/** Never empty. */
export function typeOf (error: unknown): string {
  if (isErrorLike(error)) return errorType(error)
  if (error === null) return 'null'
  return isReference(error) ? constructorName(error) ?? 'Object' : typeof error
}

/** The error's message, which may be empty. For a value that isn't an error, the value as text. */
export function messageOf (error: unknown): string {
  if (!isReference(error)) return String(error)
  if (typeof error === 'function') return describeFunction(error)
  const message = readProperty(error, 'message')
  if (typeof message === 'string') return message
  if (isErrorLike(error)) return message === undefined || message === null ? '' : propertyValue(message)
  return propertyValue(error)
}

export function firstLine (type: string, message: string): string {
  return message === '' ? type : `${type}: ${message}`
}
