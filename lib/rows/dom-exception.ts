/** A serialized DOMException → the same without the class's constants. `for…in` finds them on every instance. */
import { type Fields, define, isArray, isObject } from './hostile'

const CONSTANTS = new Map(Object.entries(DOMException).filter(([name, value]) => name.endsWith('_ERR') && typeof value === 'number'))
const MAX_DEPTH = 10

/** @returns `value` itself if it has no constants, which is the usual case */
export function withoutConstants (value: unknown, depth = 0): unknown {
  if (!isObject(value) || depth > MAX_DEPTH) return value
  const hasConstants = value.INDEX_SIZE_ERR === 1 && value.DATA_CLONE_ERR === 25
  const cause = withoutConstants(value.cause, depth + 1)
  const errors = isArray(value.aggregateErrors) ? value.aggregateErrors.map(error => withoutConstants(error, depth + 1)) : undefined
  const isSame = cause === value.cause && (errors === undefined || errors.every((error, at) => error === (value.aggregateErrors as unknown[])[at]))
  if (!hasConstants && isSame) return value
  const fields: Fields = {}
  for (const [name, field] of Object.entries(value)) {
    if (hasConstants && CONSTANTS.get(name) === field) continue
    define(fields, name, name === 'cause' ? cause : name === 'aggregateErrors' ? errors ?? field : field)
  }
  return fields
}
