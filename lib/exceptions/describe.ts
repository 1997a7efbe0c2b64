/** An error and its form in the app's log → type, message, stack and code of its row. */
import { type SerializedError, scrubbed } from '../logs/pino/serialized-error'
import { withoutConstants } from '../rows/dom-exception'
import { ExactNumber } from '../rows/exact-json'
import { type Fields, constructorName, isObject, readProperty, readText } from '../rows/hostile'
import { fieldValue } from '../rows/properties'
import { firstLine, isErrorLike, messageOf, partsOf, stackOf, stackOfSerialized, stackWithCauses, typeOf } from './causes'

export interface Description {
  /** Never blank: Azure refuses an exception without type or message, and the exporter drops one without a stack. */
  readonly type: string
  readonly message: string
  readonly stack: string
  readonly code: string | undefined
}

const CENSOR = '[Redacted]'

/**
 * Only what the logger writes may be sent, because it may have redacted or left out any part. If it leaves out the
 * stack, only the stack's frames are added, because they hold no data. If the logger redacts errors, not even those are.
 */
export function describe (error: unknown, serialized: SerializedError): Description {
  const { secrets } = serialized
  const type = typeFrom(error, serialized)
  const { message, code } = messageFrom(error, serialized)
  const stack = stackFrom(error, serialized, type, message)
  const safeType = scrubbed(type, secrets)
  const safeMessage = scrubbed(message, secrets)
  return {
    type: safeType,
    message: safeMessage.trim() === '' ? safeType : safeMessage,
    stack: scrubbed(stack, secrets),
    code
  }
}

/** The error's fields other than type, message, stack, code and causes, which are reported elsewhere. */
export function extraFields ({ value, secrets }: SerializedError): object | undefined {
  if (!isObject(value)) return undefined
  const { type, message, stack, code, name, cause, aggregateErrors, ...extra } = withoutConstants(value) as Fields
  return Object.keys(extra).length === 0 ? undefined : scrubbed(extra, secrets)
}

/** pino writes the class's name. If the app gave the error its own name, that is more specific. */
function typeFrom (error: unknown, { value }: SerializedError): string {
  const own = typeOf(error)
  if (!isObject(value)) return own
  const type = readText(value, 'type')
  return type === undefined || type.trim() === '' || (isErrorLike(error) && type === constructorName(error)) ? own : type
}

function messageFrom (error: unknown, { value, shows, strict }: SerializedError): Pick<Description, 'message' | 'code'> {
  const own = messageOf(error)
  if (typeof value === 'string') return { message: value, code: undefined }
  if (!isObject(value)) return shows(own) ? { message: own, code: codeOf(error) } : { message: strict ? CENSOR : '', code: undefined }
  const code = codeOf(value)
  const written = value.message
  if (written === undefined || written === null) {
    return { message: isErrorLike(error) ? (shows(own) ? own : '') : fieldValue(value), code }
  }
  if (typeof written !== 'string') return { message: fieldValue(written), code }
  // pino appends the messages of the causes, which the stack already shows.
  const hasCauses = own !== '' && written.startsWith(`${own}: `) && readProperty(error, 'cause') !== undefined
  return { message: hasCauses ? own : written, code }
}

function stackFrom (error: unknown, { value, shows, strict }: SerializedError, type: string, message: string): string {
  let stack = isObject(value) ? stackOfSerialized(value) : undefined
  if (stack === undefined) {
    const own = stackOf(error)
    const whole = isErrorLike(error) ? stackWithCauses(error) : own
    if (shows(own)) stack = partsOf(error).every(part => shows(stackOf(part))) ? whole : own
    else if (!strict) stack = [firstLine(type, message), ...framesOf(own)].join('\n')
  }
  return stack === undefined || stack.trim() === '' ? firstLine(type, message) : stack
}

function codeOf (object: unknown): string | undefined {
  const code = readProperty(object, 'code')
  return (typeof code === 'string' && code !== '') || typeof code === 'number' || code instanceof ExactNumber ? String(code) : undefined
}

function framesOf (stack: string): string[] {
  return stack.split('\n').filter(line => /^\s+at .+/.test(line))
}
