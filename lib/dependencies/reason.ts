/** Error of a call → a short reason: its code, or its name. */
import { readProperty, readText } from '../rows/hostile'

/** @param error whatever the app aborted the call with */
export function reasonOf (error: unknown): string {
  const code = readText(error, 'code')
  if (code !== undefined && code !== '') return code
  const name = readText(error, 'name')
  return readText(readProperty(error, 'cause'), 'code') ?? (name === undefined || name === '' ? 'error' : name)
}
