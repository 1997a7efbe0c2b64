/** A line's text → its message and its fields. Works on any thread, because it needs only the text and the logger's format. */
import { type Attributes } from '@opentelemetry/api'
import { withoutConstants } from './dom-exception'
import { parseExactly } from './exact-json'
import { type Fields, define, isObject } from './hostile'
import { LIMITS, cut, fieldValue, propertyName } from './properties'
import { propertyBytes } from './limits'

/** The keys that a logger uses in its lines, and the values that it writes on every line. */
export interface LineFormat {
  readonly messageKey: string
  readonly errorKey: string
  readonly nestedKey: string | undefined
  /** Level names to values, including custom levels. */
  readonly levels: Readonly<Record<string, number>>
  readonly pid: number
  readonly hostname: string
}

/** A line's data, without what its row has in a column. */
export interface Content {
  message: string | undefined
  fields: Fields
}

/**
 * @param time the parsed value of the line's time field; undefined if it has none
 * @param paths redaction in addition to the logger's own
 */
export function parseLine (text: string, level: number, time: unknown, format: LineFormat, paths?: (fields: Fields) => unknown): Content {
  let parsed: unknown
  try {
    parsed = parseExactly(text)
  } catch {
    // A streamWrite hook may write anything.
  }
  if (!isObject(parsed)) return { message: text.trim(), fields: {} }

  const { errorKey, messageKey, nestedKey } = format
  const nested = nestedKey === undefined ? undefined : parsed[nestedKey]
  let fields: Fields = {}
  let message: unknown
  let isTimeSeen = time === undefined
  for (const name of Object.keys(parsed)) {
    const value = parsed[name]
    if (name === messageKey) message = value
    else if (!isTimeSeen && value === time && name !== 'level') isTimeSeen = true
    else if (value === nested && name === nestedKey && isObject(nested)) continue
    else if (isImplied(name, value, level, format)) continue
    else if (name === '__proto__') define(fields, name, value)
    else fields[name] = value
  }
  if (isObject(nested)) {
    for (const name of Object.keys(nested)) define(fields, Object.hasOwn(fields, name) ? `${nestedKey}.${name}` : name, nested[name])
  }
  if (fields[errorKey] !== undefined) fields[errorKey] = withoutConstants(fields[errorKey])
  if (paths !== undefined) {
    const { [messageKey]: redacted, ...others } = paths(message === undefined ? fields : { ...fields, [messageKey]: message }) as Fields
    message = redacted
    fields = others
  }
  return {
    message: typeof message === 'string' ? message : message === undefined || message === null ? undefined : fieldValue(message, LIMITS.message),
    fields
  }
}

/** Whether the row already has it in a column, such as the severity or the role instance. */
function isImplied (name: string, value: unknown, level: number, { levels, pid, hostname }: LineFormat): boolean {
  switch (name) {
    case 'level': return value === level || (typeof value === 'string' && levels[value.toLowerCase()] === level)
    case 'pid': return value === pid
    case 'hostname': return value === hostname
    default: return false
  }
}

export function fieldsToAttributes (fields: Fields): Attributes {
  const attributes: Attributes = {}
  const names = Object.keys(fields)
  const count = Math.min(names.length, LIMITS.properties)
  for (let i = 0; i < count; i++) {
    const name = names[i]!
    attributes[propertyName(name)] = fieldValue(fields[name], propertyBytes(name))
  }
  if (names.length > count) attributes.droppedFields = String(names.length - count)
  return attributes
}

/** Existing attributes keep their values. What the app has added to Object.prototype is no attribute. */
export function addMissing (attributes: Attributes, more: Attributes): void {
  for (const name in more) if (!Object.hasOwn(attributes, name) && Object.hasOwn(more, name)) attributes[name] = more[name]
}

/**
 * The row's text. If the line has no message, its error or its fields say what it is about.
 * @param errorText the message of the line's error object, if it has one
 * @param isGiven whether a field was passed with this line, and not bound to its logger
 */
export function bodyOf ({ message, fields }: Content, { errorKey }: LineFormat, errorText?: unknown, isGiven?: (name: string) => boolean): string {
  if (message !== undefined && message !== '') return cut(message, LIMITS.message)
  const error = fields[errorKey]
  if (typeof error === 'string' && error !== '') return cut(error, LIMITS.message)
  if (typeof errorText === 'string' && errorText !== '') return cut(errorText, LIMITS.message)
  // Bindings are the same on every line of a logger, so they say nothing about this one.
  const given = isGiven === undefined ? [] : Object.entries(fields).filter(([name]) => isGiven(name))
  const shown = given.length > 0 ? Object.fromEntries(given.slice(0, 20)) : fields
  return Object.keys(shown).length === 0 ? '(no message)' : cut(fieldValue(shown), 256)
}
