/**
 * Attributes of a span or a record, before the exporter maps them → those that it maps rightly. What it would cut without a
 * word is cut here, with the mark; what it would make no row of is completed.
 */
import { OPERATION_NAME } from './attribute-names'
import { cut, cutBytes } from './cut'
import { NAME, propertyBytes } from './limits'

type Attributes = Record<string, unknown>

/** No text of this length, in characters, is too long for a property. */
const CERTAINLY_FITS = 2_730
/** Nor is a route for the name of an operation. */
const SHORT_ROUTE = 1_000

const EXCEPTION_TYPE = 'exception.type'
const EXCEPTION_MESSAGE = 'exception.message'
const EXCEPTION_STACK = 'exception.stacktrace'
/** They have their own limits, behind the exporter; numbers as JSON cannot be cut. */
const NOT_PROPERTIES = new Set([EXCEPTION_MESSAGE, EXCEPTION_STACK, 'microsoft.custom_measurements'])

export function fitAttribute (name: string, value: string): string {
  if (value.length <= CERTAINLY_FITS || NOT_PROPERTIES.has(name)) return value
  return cutBytes(value, propertyBytes(name))
}

/** The exporter makes a request's name of the operation's, or of method and route: it is to be the name that the other rows have. */
export function fitNames (attributes: Attributes): void {
  const name = attributes[OPERATION_NAME]
  if (typeof name === 'string' && name.length > NAME) attributes[OPERATION_NAME] = cut(name, NAME)
  const route = attributes['http.route']
  if (typeof route !== 'string' || route.length <= SHORT_ROUTE) return
  const method = String(attributes['http.request.method'] ?? attributes['http.method'] ?? '')
  attributes['http.route'] = cut(`${method} ${route}`, NAME).slice(method.length + 1)
}

/** A record with a type but no stack would vanish in the exporter; one without a message would be refused by Azure. */
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
