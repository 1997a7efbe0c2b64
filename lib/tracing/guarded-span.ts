/** A span → the same span with methods that never throw, and that keep the readable part of bad arguments. */
import { type Attributes, type Exception, type Link, type Span, type SpanStatus, type TimeInput } from '@opentelemetry/api'
import { attempt, isArray, isObject, readProperty, readText, textOf } from '../rows/hostile'

type Methods = Pick<Span, 'setAttribute' | 'setAttributes' | 'addEvent' | 'addLink' | 'addLinks' | 'setStatus' | 'updateName' | 'recordException' | 'end'>

const MAX_ATTRIBUTES = 1_000
const kGuarded = Symbol('fastify-app-insights.guarded')
// Keyed by the span's prototype: adding methods to each span would take longer than starting one.
const prototypes = new WeakMap<object, object>()

/** Guards only the spans that the app asks for. */
export function guardSpan (span: Span): Span {
  if (kGuarded in span || !span.isRecording()) return span
  const prototype = Object.getPrototypeOf(span) as Span
  let guarded = prototypes.get(prototype)
  if (guarded === undefined) {
    guarded = Object.create(prototype, { [kGuarded]: { value: true }, ...descriptors(guardMethods(prototype)) }) as object
    prototypes.set(prototype, guarded)
  }
  if (!Object.isExtensible(span)) return span
  Object.setPrototypeOf(span, guarded)
  const own = Object.keys(guarded) as Array<keyof Methods>
  for (const name of own) if (Object.hasOwn(span, name)) Object.defineProperty(span, name, descriptors(guardMethods(span))[name]!)
  return span
}

function descriptors (methods: Methods): Record<keyof Methods, PropertyDescriptor> {
  return Object.fromEntries(Object.entries(methods).map(([name, value]) => [name, { value, writable: true, configurable: true, enumerable: true }])) as Record<keyof Methods, PropertyDescriptor>
}

/** @param base has the unguarded methods */
function guardMethods (base: Methods): Methods {
  const { setAttribute, addEvent, addLink, setStatus, updateName, recordException, end } = base
  return {
    setAttribute (this: Span, name, value) {
      attempt(() => setAttribute.call(this, textOf(name), value))
      return this
    },
    setAttributes (this: Span, attributes) {
      const readable = readableAttributes(attributes)
      for (const name of Object.keys(readable)) this.setAttribute(name, readable[name]!)
      return this
    },
    addEvent (this: Span, name, attributesOrTime, time) {
      const text = textOf(name)
      const given = validTime(attributesOrTime) ?? readableAttributes(attributesOrTime)
      if (!attempt(() => addEvent.call(this, text, given, validTime(time)))) attempt(() => addEvent.call(this, text))
      return this
    },
    addLink (this: Span, link) {
      const readable = readableLink(link)
      if (readable !== undefined) attempt(() => addLink.call(this, readable))
      return this
    },
    addLinks (this: Span, links) {
      if (isArray(links)) attempt(() => { for (const link of links) this.addLink(link) })
      return this
    },
    setStatus (this: Span, status) {
      const readable = readableStatus(status)
      if (readable !== undefined) attempt(() => setStatus.call(this, readable))
      return this
    },
    updateName (this: Span, name) {
      attempt(() => updateName.call(this, textOf(name)))
      return this
    },
    recordException (this: Span, exception, time) {
      if (exception === undefined || exception === null) return
      const given = isObject(exception) ? exception as Exception : textOf(exception)
      if (!attempt(() => recordException.call(this, given, validTime(time)))) attempt(() => recordException.call(this, readableException(given)))
    },
    end (this: Span, time) {
      if (!attempt(() => end.call(this, validTime(time)))) attempt(() => end.call(this))
    }
  }
}

/** Copies the readable entries. The SDK drops values that aren't valid attributes. */
export function readableAttributes (attributes: unknown): Attributes {
  const readable: Attributes = {}
  if (!isObject(attributes)) return readable
  attempt(() => {
    for (const name of Object.keys(attributes).slice(0, MAX_ATTRIBUTES)) {
      attempt(() => {
        const value = attributes[name]
        readable[name] = (isArray(value) ? [...value] : value) as Attributes[string]
      })
    }
  })
  return readable
}

/** Undefined if it isn't a valid time, which means now. */
export function validTime (time: unknown): TimeInput | undefined {
  let valid = false
  attempt(() => {
    valid = isArray(time)
      ? time.length === 2 && time.every(part => Number.isFinite(part))
      : time instanceof Date ? Number.isFinite(time.getTime()) : Number.isFinite(time)
  })
  return valid ? time as TimeInput : undefined
}

export function readableLink (link: unknown): Link | undefined {
  const context = readProperty(link, 'context')
  const traceId = readText(context, 'traceId')
  const spanId = readText(context, 'spanId')
  const traceFlags = readProperty(context, 'traceFlags')
  if (traceId === undefined || spanId === undefined) return undefined
  return { context: { traceId, spanId, traceFlags: typeof traceFlags === 'number' ? traceFlags : 0 }, attributes: readableAttributes(readProperty(link, 'attributes')) }
}

function readableStatus (status: unknown): SpanStatus | undefined {
  const code = readProperty(status, 'code')
  if (code !== 0 && code !== 1 && code !== 2) return undefined
  const message = readText(status, 'message')
  return message === undefined ? { code } : { code, message }
}

/** The fields of an exception that the SDK reads, as strings. */
function readableException (exception: Exception): Exception {
  const code = readProperty(exception, 'code')
  const readable = { name: readText(exception, 'name') ?? 'Error', message: readText(exception, 'message') ?? '', stack: readText(exception, 'stack') ?? '' }
  return typeof code === 'string' || typeof code === 'number' ? { ...readable, code } : readable
}
