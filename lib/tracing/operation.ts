/** What all rows of one operation share; requests and logs meet here, through the request and the OpenTelemetry context. */
import { type Attributes, type Context, type Span, INVALID_SPAN_CONTEXT, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { context } from './context'
import type { Properties, PropertyValue } from '../options'
import { isThenable, nameOf, textOf } from '../rows/hostile'
import { propertyBytes } from '../rows/limits'
import { SAMPLE_RATE } from '../rows/attribute-names'
import { markSampleRate, sampleRateOf } from '../rows/marks'
import { propertyName, propertyValue } from '../rows/properties'
import type { Redactor } from '../rows/redaction'
import { OperationContext, kContextOperation } from './operation-context'
import { guardSpan } from './guarded-span'

/** The operation of a request, a reply's raw response, or a logger. */
export const kOperation = Symbol('fastify-app-insights.operation')

/** What becomes of an operation's rows. */
export const enum RowDecision {
  /** Sent. */
  Keep,
  /** Never sent: sampled out, or ignored. */
  Drop,
  /** Buffered until the request ends. */
  Pending
}

/** The plugin's instance that an operation belongs to: as much of it as an operation needs. */
export interface Owner {
  readonly redactor: Pick<Redactor, 'text'>
  /** Rows that sampling kept from being sent. */
  sampledOut: number
  /** Rows that `ignore` kept from being sent. */
  ignored: number
  startSpan: (name: string, kind: SpanKind, parent: Context) => Span
  event: (context: Context, name: string, properties?: Properties, measurements?: Record<string, number>) => void
  trackException: (context: Context, error: unknown, properties?: Properties) => void
}

/** An instrumentation has recorded a text or a copy of an error, which is thrown or logged a moment later, or is not. */
export interface RecordedText {
  readonly span: Span
  readonly message: string
  readonly report: () => void
}

// A pending operation may log without end. What is beyond this is dropped and counted.
const MAX_BUFFERED = 200

/** A span → the operation that it belongs to; held by its attributes, whose symbols nobody sends. */
interface OperationSpan extends Span { readonly attributes?: Attributes & { [kOperation]?: Operation }, readonly name?: string }

// A client must not be able to fill the charts with names.
const MAX_NAMES = 500
const names = new Set<string>()

export class Operation {
  readonly owner: Owner
  /** The name that it began with. */
  readonly #firstName: string
  readonly span: Span
  readonly context: Context
  decision: RowDecision
  readonly ignored: boolean
  /** What the app has set for the later rows of this operation. */
  attributes: Attributes | undefined = undefined
  /** Rows that wait for the decision: finished spans and log records, each as the call that sends it. */
  buffered: Array<() => void> | undefined = undefined
  /** Kept whatever the sampler said, so that each of its rows counts once. */
  forceKeep = false
  /** Errors seen by onError and not yet reported: the request's end or a log line does. */
  errors: Set<unknown> | undefined = undefined
  /** Texts given to `recordException` that wait for the error they tell of. */
  recorded: RecordedText[] | undefined = undefined
  /** Nothing waits for its end any longer. */
  hasEnded = false
  /** What the app sees of this operation, when it has asked for it. */
  visible: object | undefined = undefined
  /** Of the request: tells how its errors are to be written where nobody logs them. */
  logger: object | undefined = undefined

  /** @param ignored a request that the app's `ignore`, or its route, leaves out, unless it fails */
  constructor (owner: Owner, name: string, span: Span, context: Context, decision: RowDecision, ignored = false) {
    this.owner = owner
    this.#firstName = name
    this.span = span
    this.decision = decision
    this.ignored = ignored
    this.context = new OperationContext(context, this, span)
  }

  /** `ai.operation.name` of every row: what the app has called the span by now. */
  get name (): string {
    const { name: given } = this.span as OperationSpan
    if (given === undefined || given === this.#firstName) return this.#firstName
    const name = this.owner.redactor.text(given)
    if (names.has(name)) return name
    if (names.size >= MAX_NAMES) return this.#firstName
    names.add(name)
    return name
  }

  /** Whether the app has given it another name. */
  get isRenamed (): boolean {
    return this.name !== this.#firstName
  }

  /** Nothing of this operation is ever sent: there is nothing to collect either. */
  get silent (): boolean {
    return this.decision === RowDecision.Drop
  }

  set (key: string, value: PropertyValue): void {
    // Whoever is not signed in, for example, has no plan to tell.
    if (this.decision === RowDecision.Drop || value === undefined || value === null) return
    this.attributes ??= {}
    this.attributes[propertyName(textOf(key))] = propertyValue(value, propertyBytes(textOf(key)))
  }

  setUser (id: string): void {
    this.#setId('enduser.id', id)
  }

  setSession (id: string): void {
    this.#setId('session.id', id)
  }

  #setId (name: string, id: string): void {
    if (id === undefined || id === null) return
    this.attributes ??= {}
    this.attributes[name] = textOf(id)
  }

  trackEvent (name: string, properties?: Record<string, PropertyValue>, measurements?: Record<string, number>): void {
    this.owner.event(this.context, name, properties, measurements)
  }

  trackException (error: unknown, properties?: Properties): void {
    const active = context.active()
    this.owner.trackException(operationOf(active) === this ? active : this.context, error, properties)
  }

  startSpan (name: string): Span
  startSpan<T> (name: string, work: (span: Span) => T): T
  startSpan<T> (name: string, work?: (span: Span) => T): T | Span {
    const active = context.active()
    const parent = operationOf(active) === this ? active : this.context
    const span = guardSpan(this.owner.startSpan(nameOf(name), SpanKind.INTERNAL, parent))
    return typeof work !== 'function' ? span : within(span, trace.setSpan(parent, span), work)
  }

  /** @returns whether the row is buffered; if not, the caller drops it */
  buffer (send: () => void): boolean {
    if (this.decision !== RowDecision.Pending) return false
    this.buffered ??= []
    if (this.buffered.length < MAX_BUFFERED) this.buffered.push(send)
    else this.leaveOut()
    return true
  }

  /** Rows of it are not sent. */
  leaveOut (count = 1): void {
    if (this.ignored) this.owner.ignored += count
    else this.owner.sampledOut += count
  }

  /** Whatever the sampler said: then each of its rows counts once. */
  keepAnyway (): void {
    this.forceKeep = true
    // The attribute is for other destinations.
    this.span.setAttribute(SAMPLE_RATE, 100)
    markSampleRate((this.span as OperationSpan).attributes, 100)
  }

  /** The end of a pending operation: its rows are sent or dropped. */
  decide (keep: boolean): void {
    if (this.decision !== RowDecision.Pending) return
    this.decision = keep ? RowDecision.Keep : RowDecision.Drop
    const buffered = this.buffered
    this.buffered = undefined
    if (buffered === undefined) return
    if (!keep) this.leaveOut(buffered.length)
    else for (const send of buffered) send()
  }
}

/** The error, if any, is for whoever catches it to report. */
function within<T> (span: Span, where: Context, work: (span: Span) => T): T {
  const fail = (error: unknown): never => {
    span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
    throw error
  }
  let result: T
  try {
    result = context.with(where, work, undefined, span)
  } catch (error) {
    return fail(error)
  }
  if (!isThenable(result)) {
    span.end()
    return result
  }
  return result.then(value => {
    span.end()
    return value
  }, fail) as T
}

/** The operation that a finished span belongs to. */
export function operationOfSpan (span: Span | ReadableSpan): Operation | undefined {
  return (span as OperationSpan).attributes?.[kOperation]
}

export function bindSpan (span: Span | ReadableSpan, operation: Operation): void {
  const { attributes } = span as OperationSpan
  if (attributes !== undefined) attributes[kOperation] = operation
}

/** In percent, where a row of the operation stands for more than itself. */
export function rateOf (operation: Operation | undefined): number | undefined {
  if (operation === undefined || operation.forceKeep) return undefined
  const rate = sampleRateOf((operation.span as OperationSpan).attributes)
  return rate !== undefined && rate < 100 ? rate : undefined
}

export function operationOf (context: Context): Operation | undefined {
  return context.getValue(kContextOperation) as Operation | undefined
}

/** Stands where there is no telemetry: before the hooks ran, or with `enabled: false`. */
export const SILENT_REQUEST = Object.freeze({
  span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
  context: ROOT_CONTEXT,
  set (): void {},
  setUser (): void {},
  setSession (): void {},
  trackEvent (): void {},
  trackException (): void {},
  startSpan<T> (_name: string, work?: (span: Span) => T): T | Span {
    const span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
    return typeof work !== 'function' ? span : work(span)
  }
})
