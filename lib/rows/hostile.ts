/** Hostile values → safe reads. Any getter, proxy or conversion may throw, but these functions don't. */
import { types } from 'node:util'

/** For an event, a metric or a span without a name. */
const NO_NAME = '(no name)'

export type Fields = Record<string, unknown>

/** Reads a property. @returns undefined if that throws */
export function readProperty (object: unknown, name: string): unknown {
  if (!isReference(object)) return undefined
  try {
    return (object as Fields)[name]
  } catch {
    return undefined
  }
}

export function readText (object: unknown, name: string): string | undefined {
  const value = readProperty(object, name)
  return typeof value === 'string' ? value : undefined
}

/** `String(value)`, or `otherwise` if that throws. */
export function textOf (value: unknown, otherwise = ''): string {
  if (typeof value === 'string') return value
  try {
    return String(value)
  } catch {
    return otherwise
  }
}

/** The name of something that must have one. A blank name is replaced. */
export function nameOf (value: unknown): string {
  const name = value === undefined || value === null ? '' : textOf(value)
  return name.trim() === '' ? NO_NAME : name
}

export function isReference (value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** Whether it's an object but not an array. */
export function isObject (value: unknown): value is Fields {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    // Array.isArray() throws on a revoked proxy.
    return false
  }
}

export function isArray (value: unknown): value is unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/** Also an error of another realm, such as a `node:vm` sandbox, which has an `Error` of its own. */
export function isError (value: unknown): value is Error {
  try {
    return types.isNativeError(value) || value instanceof Error
  } catch {
    return false
  }
}

/** The name of an object's class. @returns undefined if it has none */
export function constructorName (object: unknown): string | undefined {
  const name = readText(readProperty(object, 'constructor'), 'name')
  return name === undefined || name.trim() === '' ? undefined : name
}

/** An assignment to `__proto__` would set the prototype instead of a field. */
export function define (fields: Fields, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true })
  else fields[name] = value
}

export function isThenable (value: unknown): value is Promise<unknown> {
  return typeof readProperty(value, 'then') === 'function'
}

/** @returns false if the call threw */
export function attempt (call: () => unknown): boolean {
  try {
    call()
    return true
  } catch {
    return false
  }
}
