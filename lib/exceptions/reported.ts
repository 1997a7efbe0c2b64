/** Error and operation → whether the error already has a row, so that each is reported once. */
import type { Operation } from '../tracing/operation'
import { isReference, readText } from '../rows/hostile'
import { partsOf } from './causes'

const OUTSIDE = ''
// Per operation: an endlessly failing loop must not fill the memory.
const MAX_MESSAGES = 100

export interface ReportedErrors {
  has: (error: unknown, operation: Operation | undefined) => boolean
  add: (error: unknown, operation: Operation | undefined) => void
  /** Whether the error needs no row in this operation. If it was reported outside operations, the first operation that throws it claims that row. */
  claim: (error: unknown, operation: Operation) => boolean
  /** Whether the operation has reported another error of the same kind that was thrown at the same place. */
  hasTwin: (error: unknown, operation: Operation) => boolean
  /** Whether an error with this message, or with such a cause, was reported in the operation. */
  hasMessage: (message: string, operation: Operation) => boolean
}

export function createReportedErrors (): ReportedErrors {
  // Maps to the operation that reported it: an error object that many requests throw is reported in each of them.
  const errors = new WeakMap<object, string>()
  // A thrown string has no identity, so equal strings in one operation count as the same error.
  const values = new WeakMap<Operation, Set<unknown>>()
  const messages = new WeakMap<Operation, Set<string>>()
  const origins = new WeakMap<Operation, Set<string>>()

  function has (error: unknown, operation: Operation | undefined): boolean {
    if (operation?.errors?.has(error) === true) return false
    if (isReference(error)) return errors.has(error)
    return operation !== undefined && values.get(operation)?.has(error) === true
  }

  function add (error: unknown, operation: Operation | undefined): void {
    operation?.errors?.delete(error)
    if (!isReference(error)) {
      if (operation !== undefined) setOf(values, operation).add(error)
      return
    }
    if (operation !== undefined) addOrigin(error, operation)
    // The row's stack includes its causes, so they don't need their own rows.
    for (const part of partsOf(error)) {
      operation?.errors?.delete(part)
      if (isReference(part)) errors.set(part, idOf(operation))
      const message = readText(part, 'message')
      if (operation === undefined || message === undefined) continue
      const known = setOf(messages, operation)
      if (known.size < MAX_MESSAGES) known.add(message)
    }
  }

  function addOrigin (error: unknown, operation: Operation): void {
    const origin = originOf(error)
    const known = setOf(origins, operation)
    if (origin !== undefined && known.size < MAX_MESSAGES) known.add(origin)
  }

  function claim (error: unknown, operation: Operation): boolean {
    if (!isReference(error)) return has(error, operation)
    const where = errors.get(error)
    if (where === OUTSIDE) errors.set(error, idOf(operation))
    return where === OUTSIDE || where === idOf(operation)
  }

  function hasTwin (error: unknown, operation: Operation): boolean {
    const origin = originOf(error)
    return origin !== undefined && origins.get(operation)?.has(origin) === true
  }

  return { has, add, claim, hasTwin, hasMessage: (message, operation) => messages.get(operation)?.has(message) === true }
}

/** Type, message and the place where it was thrown; undefined if the stack doesn't say. */
function originOf (error: unknown): string | undefined {
  return /^[^]*?\n {4}at .*/.exec(readText(error, 'stack') ?? '')?.[0]
}

function setOf<T> (sets: WeakMap<Operation, Set<T>>, operation: Operation): Set<T> {
  let set = sets.get(operation)
  if (set === undefined) sets.set(operation, set = new Set())
  return set
}

function idOf (operation: Operation | undefined): string {
  return operation === undefined ? OUTSIDE : operation.span.spanContext().spanId
}
