/** A span → the same span, whose methods throw nothing, whatever they are given, and take what can be taken of it. */
import { type Attributes, type Exception, type Link, type Span, type SpanStatus, type TimeInput } from '@opentelemetry/api'
import { isArray, isObject, readProperty, readText, textOf } from '../rows/hostile'

const guarded = new WeakSet<Span>()
const MAX_ATTRIBUTES = 1_000

/** Only spans that the app asks for are guarded: it takes longer than starting one. */
export function guardSpan (span: Span): Span {
  if (guarded.has(span) || !span.isRecording()) return span
  guarded.add(span)
  const own = bound(span)
  const methods: Partial<Span> = {
    setAttribute: (name, value) => {
      attempt(() => own.setAttribute(textOf(name), value))
      return span
    },
    setAttributes: attributes => {
      const readable = readableAttributes(attributes)
      for (const name of Object.keys(readable)) span.setAttribute(name, readable[name]!)
      return span
    },
    addEvent: (name, attributesOrTime, time) => {
      const text = textOf(name)
      const given = validTime(attributesOrTime) ?? readableAttributes(attributesOrTime)
      if (!attempt(() => own.addEvent(text, given, validTime(time)))) attempt(() => own.addEvent(text))
      return span
    },
    addLink: link => {
      const readable = readableLink(link)
      if (readable !== undefined) attempt(() => own.addLink(readable))
      return span
    },
    addLinks: links => {
      if (isArray(links)) attempt(() => { for (const link of links) span.addLink(link) })
      return span
    },
    setStatus: status => {
      const readable = readableStatus(status)
      if (readable !== undefined) attempt(() => own.setStatus(readable))
      return span
    },
    updateName: name => {
      attempt(() => own.updateName(textOf(name)))
      return span
    },
    recordException: (exception, time) => {
      if (exception === undefined || exception === null) return
      const given = isObject(exception) ? exception as Exception : textOf(exception)
      if (!attempt(() => own.recordException(given, validTime(time)))) attempt(() => own.recordException(readableException(given)))
    },
    end: time => {
      if (!attempt(() => own.end(validTime(time)))) attempt(() => own.end())
    }
  }
  for (const [name, value] of Object.entries(methods)) Object.defineProperty(span, name, { value, writable: true, configurable: true })
  return span
}

type Methods = Pick<Span, 'setAttribute' | 'addEvent' | 'addLink' | 'setStatus' | 'updateName' | 'recordException' | 'end'>

/** As they are now: some may be the span's own already. */
function bound (span: Span): Methods {
  const { setAttribute, addEvent, addLink, setStatus, updateName, recordException, end } = span
  return {
    setAttribute: setAttribute.bind(span),
    addEvent: addEvent.bind(span),
    addLink: addLink.bind(span),
    setStatus: setStatus.bind(span),
    updateName: updateName.bind(span),
    recordException: recordException.bind(span),
    end: end.bind(span)
  }
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

/** A copy of what can be read; the SDK leaves out what is no attribute. */
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

/** undefined where it is no point in time: that is now. */
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

/** What the SDK reads of an exception, as texts. */
function readableException (exception: Exception): Exception {
  const code = readProperty(exception, 'code')
  const readable = { name: readText(exception, 'name') ?? 'Error', message: readText(exception, 'message') ?? '', stack: readText(exception, 'stack') ?? '' }
  return typeof code === 'string' || typeof code === 'number' ? { ...readable, code } : readable
}
