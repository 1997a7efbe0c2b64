/** The spans that we make: OpenTelemetry's, without what its SDK checks of values that are known to be right. */
import { type Attributes, type AttributeValue, type Exception, type HrTime, type Link, type Span, type SpanContext, type SpanKind, type SpanStatus, type TimeInput, SpanStatusCode } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-node'
import { after, between, hrTimeOf, hrTimeOfMillis, isTime } from './time'

/** Whose spans they are. */
export interface SpanOwner {
  readonly resource: Resource
  readonly instrumentationScope: ReadableSpan['instrumentationScope']
  onEnd: (span: LeanSpan) => void
  onException: (span: LeanSpan, exception: Exception) => void
}

// As the SDK's tracers have them here.
const MAX_ATTRIBUTES = 512
const MAX_EVENTS = 128
const MAX_LINKS = 128
const UNSET: SpanStatus = Object.freeze({ code: SpanStatusCode.UNSET })
const NO_TIME = Object.freeze([0, 0]) as unknown as HrTime

/** @see https://opentelemetry.io/docs/specs/otel/trace/api/#span */
export class LeanSpan implements Span, ReadableSpan {
  readonly kind: SpanKind
  readonly parentSpanContext: SpanContext | undefined
  readonly startTime: HrTime
  readonly attributes: Attributes
  name: string
  status: SpanStatus = UNSET
  endTime: HrTime = NO_TIME
  duration: HrTime = NO_TIME
  ended = false
  events: TimedEvent[] = []
  links: Link[]
  droppedAttributesCount = 0
  droppedEventsCount = 0
  droppedLinksCount = 0
  readonly #owner: SpanOwner
  readonly #context: SpanContext
  readonly #started: number

  /** @param attributes and @param links are its own from now on */
  constructor (owner: SpanOwner, name: string, kind: SpanKind, context: SpanContext, parent: SpanContext | undefined, attributes: Attributes, links: Link[], startTime?: number) {
    const now = Date.now()
    this.#started = performance.now() - (startTime === undefined ? 0 : now - startTime)
    this.#owner = owner
    this.#context = context
    this.name = name
    this.kind = kind
    this.parentSpanContext = parent
    this.attributes = attributes
    this.links = links
    this.startTime = hrTimeOfMillis(startTime ?? now)
  }

  get resource (): Resource {
    return this.#owner.resource
  }

  get instrumentationScope (): ReadableSpan['instrumentationScope'] {
    return this.#owner.instrumentationScope
  }

  spanContext (): SpanContext {
    return this.#context
  }

  isRecording (): boolean {
    return !this.ended
  }

  setAttribute (name: string, value: AttributeValue): this {
    if (this.ended || value === undefined || value === null || name === '' || !isAttributeValue(value)) return this
    if (!Object.hasOwn(this.attributes, name) && Object.keys(this.attributes).length >= MAX_ATTRIBUTES) this.droppedAttributesCount++
    else this.attributes[name] = value
    return this
  }

  setAttributes (attributes: Attributes): this {
    for (const name of Object.keys(attributes)) this.setAttribute(name, attributes[name]!)
    return this
  }

  /** Attributes that are known to be right and few. */
  assign (...attributes: Array<Attributes | undefined>): void {
    if (!this.ended) Object.assign(this.attributes, ...attributes)
  }

  addEvent (name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (this.ended) return this
    const hasTime = isTime(attributesOrTime)
    if (this.events.length >= MAX_EVENTS) {
      this.events.shift()
      this.droppedEventsCount++
    }
    this.events.push({
      name,
      time: this.#timeOf(time ?? (hasTime ? attributesOrTime : undefined)),
      attributes: hasTime ? {} : valid(attributesOrTime),
      droppedAttributesCount: 0
    })
    return this
  }

  addLink (link: Link): this {
    if (this.ended) return this
    if (this.links.length >= MAX_LINKS) {
      this.links.shift()
      this.droppedLinksCount++
    }
    this.links.push({ context: link.context, attributes: valid(link.attributes) })
    return this
  }

  addLinks (links: Link[]): this {
    for (const link of links) this.addLink(link)
    return this
  }

  setStatus ({ code, message }: SpanStatus): this {
    // OK is the app's last word.
    if (this.ended || code === SpanStatusCode.UNSET || this.status.code === SpanStatusCode.OK) return this
    this.status = code === SpanStatusCode.ERROR && typeof message === 'string' ? { code, message } : { code }
    return this
  }

  updateName (name: string): this {
    if (!this.ended) this.name = name
    return this
  }

  /** An event, as other destinations expect it, and a row of its own. */
  recordException (exception: Exception, time?: TimeInput): void {
    if (this.ended) return
    const { code, name, message, stack } = (typeof exception === 'string' ? { message: exception } : exception) as { code?: string | number, name?: string, message?: string, stack?: string }
    const type = code === undefined ? name : String(code)
    this.addEvent('exception', { 'exception.type': type, 'exception.message': message, 'exception.stacktrace': stack }, time)
    this.#owner.onException(this, exception)
  }

  end (time?: TimeInput): void {
    if (this.ended) return
    this.endTime = this.#timeOf(time)
    this.duration = between(this.startTime, this.endTime)
    if (this.duration[0] < 0) {
      this.endTime = [...this.startTime]
      this.duration = [0, 0]
    }
    this.ended = true
    this.#owner.onEnd(this)
  }

  /** A clock that is set while a request runs must not change how long it took. */
  #timeOf (time: TimeInput | undefined): HrTime {
    const now = performance.now()
    // A number as small as that is one of performance.now() too.
    if (time === undefined || (typeof time === 'number' && time <= now)) return after(this.startTime, Math.max(0, (time ?? now) - this.#started))
    return hrTimeOf(time)
  }
}

/** Text, numbers, truth values, and lists of one of these, in which values may be missing. */
function isAttributeValue (value: unknown): value is AttributeValue {
  if (!Array.isArray(value)) return isPrimitive(value)
  const given = value.filter(each => each !== undefined && each !== null)
  return given.every(each => isPrimitive(each) && typeof each === typeof given[0])
}

function isPrimitive (value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** A copy, without what is no attribute. */
function valid (attributes: Attributes | undefined): Attributes {
  const found: Attributes = {}
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name !== '' && isAttributeValue(value)) found[name] = Array.isArray(value) ? [...value] as AttributeValue : value
  }
  return found
}
