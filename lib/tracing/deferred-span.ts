/** A started span → a real span only at its end, and only if it is wanted. Until then, its children belong to its parent. */
import {
  type AttributeValue, type Attributes, type Context, type Exception, type Link, type Span, type SpanContext, type SpanOptions, type SpanStatus, type TimeInput, type Tracer,
  INVALID_SPAN_CONTEXT, SpanStatusCode, trace
} from '@opentelemetry/api'

export class DeferredSpan implements Span {
  readonly attributes: Attributes
  readonly #tracer: Tracer
  readonly #options: SpanOptions
  readonly #parent: Context
  readonly #isWanted: (span: DeferredSpan) => boolean
  readonly #startTime = Date.now()
  readonly #startedAt = performance.now()
  readonly #links: Link[]
  // Calls to repeat on the real span.
  readonly #later: Array<(span: Span) => void> = []
  #name: string
  #status: SpanStatus | undefined
  #ended = false

  /** @param isWanted called once, at the end */
  constructor (tracer: Tracer, name: string, options: SpanOptions, parent: Context, isWanted: (span: DeferredSpan) => boolean) {
    this.#tracer = tracer
    this.#name = name
    this.#options = options
    this.#parent = parent
    this.#isWanted = isWanted
    this.attributes = { ...options.attributes }
    this.#links = [...options.links ?? []]
  }

  get failed (): boolean {
    return this.#status?.code === SpanStatusCode.ERROR
  }

  spanContext (): SpanContext {
    return trace.getSpanContext(this.#parent) ?? INVALID_SPAN_CONTEXT
  }

  setAttribute (name: string, value: AttributeValue): this {
    this.attributes[name] = value
    return this
  }

  setAttributes (attributes: Attributes): this {
    Object.assign(this.attributes, attributes)
    return this
  }

  addEvent (name: string, attributesOrTime?: Attributes | TimeInput, time: TimeInput = Date.now()): this {
    this.#later.push(span => span.addEvent(name, attributesOrTime, time))
    return this
  }

  addLink (link: Link): this {
    this.#links.push(link)
    return this
  }

  addLinks (links: Link[]): this {
    this.#links.push(...links)
    return this
  }

  setStatus (status: SpanStatus): this {
    this.#status = status
    return this
  }

  updateName (name: string): this {
    this.#name = name
    return this
  }

  recordException (exception: Exception, time: TimeInput = Date.now()): void {
    this.#later.push(span => span.recordException(exception, time))
  }

  isRecording (): boolean {
    return !this.#ended
  }

  end (endTime?: TimeInput): void {
    if (this.#ended) return
    this.#ended = true
    if (!this.#isWanted(this)) return
    const { attributes } = this
    const startTime = this.#options.startTime ?? this.#startTime
    const span = this.#tracer.startSpan(this.#name, { ...this.#options, attributes, links: this.#links, startTime }, this.#parent)
    for (const act of this.#later) act(span)
    if (this.#status !== undefined) span.setStatus(this.#status)
    // performance.now() has a higher resolution than Date.
    span.end(endTime ?? this.#startTime + (performance.now() - this.#startedAt))
  }
}
