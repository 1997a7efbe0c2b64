/** Which errors have their rows already, so that each is reported once. */
import type { Operation } from '../tracing/operation'
import { isReference, readText } from '../rows/hostile'
import { partsOf } from './causes'

const OUTSIDE = ''
// Texts of one operation: a loop that fails without end must not fill the memory.
const MAX_MESSAGES = 100

export interface ReportedErrors {
  has: (error: unknown, operation: Operation | undefined) => boolean
  add: (error: unknown, operation: Operation | undefined) => void
  /** Whether the error needs no row in this operation. One that was reported outside of any belongs to the first that throws it. */
  claim: (error: unknown, operation: Operation) => boolean
  /** Whether an error with this message, or with such a cause, was reported in the operation. */
  hasMessage: (message: string, operation: Operation) => boolean
}

export function createReportedErrors (): ReportedErrors {
  // With the operation in which it was reported: an error made once and thrown by many requests is news in each.
  const errors = new WeakMap<object, string>()
  // A thrown string has no identity: within one operation, equal is the same.
  const values = new WeakMap<Operation, Set<unknown>>()
  const messages = new WeakMap<Operation, Set<string>>()

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
    // Its causes stand in its own stack: they need no rows of their own afterwards.
    for (const part of partsOf(error)) {
      operation?.errors?.delete(part)
      if (isReference(part)) errors.set(part, idOf(operation))
      const message = readText(part, 'message')
      if (operation === undefined || message === undefined) continue
      const known = setOf(messages, operation)
      if (known.size < MAX_MESSAGES) known.add(message)
    }
  }

  function claim (error: unknown, operation: Operation): boolean {
    if (!isReference(error)) return has(error, operation)
    const where = errors.get(error)
    if (where === OUTSIDE) errors.set(error, idOf(operation))
    return where === OUTSIDE || where === idOf(operation)
  }

  return { has, add, claim, hasMessage: (message, operation) => messages.get(operation)?.has(message) === true }
}

function setOf<T> (sets: WeakMap<Operation, Set<T>>, operation: Operation): Set<T> {
  let set = sets.get(operation)
  if (set === undefined) sets.set(operation, set = new Set())
  return set
}

function idOf (operation: Operation | undefined): string {
  return operation === undefined ? OUTSIDE : operation.span.spanContext().spanId
}
