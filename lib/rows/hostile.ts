/** Reading values that may be hostile: any getter, proxy or conversion of theirs may throw, and must not throw here. */

/** Of an event, a metric or a span that was given none. */
const NO_NAME = '(no name)'

export type Fields = Record<string, unknown>

/** Reads a property; undefined where that throws. */
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

/** `String(value)`, or `otherwise` where there is no such text. */
export function textOf (value: unknown, otherwise = ''): string {
  if (typeof value === 'string') return value
  try {
    return String(value)
  } catch {
    return otherwise
  }
}

/** The name of something that must have one. */
export function nameOf (value: unknown): string {
  const name = value === undefined || value === null ? '' : textOf(value)
  return name.trim() === '' ? NO_NAME : name
}

export function isReference (value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** An object that is no array. */
export function isObject (value: unknown): value is Fields {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    // A revoked proxy.
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

export function isError (value: unknown): value is Error {
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

/** The name of an object's class; undefined where it has none. */
export function constructorName (object: unknown): string | undefined {
  const name = readText(readProperty(object, 'constructor'), 'name')
  return name === undefined || name.trim() === '' ? undefined : name
}

/** An assignment to `__proto__` would set the prototype instead of a field. */
export function define (fields: Fields, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true })
  else fields[name] = value
}

/** Something to wait for. */
export function isThenable (value: unknown): value is Promise<unknown> {
  return typeof readProperty(value, 'then') === 'function'
}

/** @returns whether nothing was thrown */
export function attempt (call: () => unknown): boolean {
  try {
    call()
    return true
  } catch {
    return false
  }
}
