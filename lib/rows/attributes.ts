/**
 * Attributes of a span or a record → attributes that the exporter maps correctly. We cut and mark what it would cut
 * silently, and complete what it would drop.
 */
import { OPERATION_NAME } from './attribute-names'
import { cut, cutBytes } from './cut'
import { NAME, propertyBytes } from './limits'

type Attributes = Record<string, unknown>

/** In characters. Texts up to this length always fit into a property, because a character takes 3 bytes at most. */
const CERTAINLY_FITS = 2_730
/** In characters. Routes up to this length fit into the name of an operation. */
const SHORT_ROUTE = 1_000

const EXCEPTION_TYPE = 'exception.type'
const EXCEPTION_MESSAGE = 'exception.message'
const EXCEPTION_STACK = 'exception.stacktrace'
/** The gate cuts messages and stacks, after the exporter. Measurements are JSON, which can't be cut. */
const NOT_PROPERTIES = new Set([EXCEPTION_MESSAGE, EXCEPTION_STACK, 'microsoft.custom_measurements'])

export function fitAttribute (name: string, value: string): string {
  if (value.length <= CERTAINLY_FITS || NOT_PROPERTIES.has(name)) return value
  return cutBytes(value, propertyBytes(name))
}

/** The exporter takes a request's name from the operation's name, or from method and route. It must equal the name on the other rows. */
export function fitNames (attributes: Attributes): void {
  const name = attributes[OPERATION_NAME]
  // The exporter fails if the name isn't a string.
  if (name !== undefined && (typeof name !== 'string' || name.length > NAME)) attributes[OPERATION_NAME] = cut(String(name), NAME)
  const route = attributes['http.route']
  if (typeof route !== 'string' || route.length <= SHORT_ROUTE) return
  const method = String(attributes['http.request.method'] ?? attributes['http.method'] ?? '')
  attributes['http.route'] = cut(`${method} ${route}`, NAME).slice(method.length + 1)
}

/** The exporter drops a record that has a type but no stack. Azure refuses one that has no message. */
export function completeException (attributes: Attributes): void {
  const type = textOr(attributes[EXCEPTION_TYPE], 'Error')
  const message = textOr(attributes[EXCEPTION_MESSAGE], type)
  attributes[EXCEPTION_TYPE] = type
  attributes[EXCEPTION_MESSAGE] = message
  attributes[EXCEPTION_STACK] = textOr(attributes[EXCEPTION_STACK], message === type ? type : `${type}: ${message}`)
}

function textOr (value: unknown, otherwise: string): string {
  const text = value === undefined || value === null ? '' : String(value)
  return text.trim() === '' ? otherwise : text
}
