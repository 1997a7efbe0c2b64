/** Request, logger or OpenTelemetry context → the operation, which holds what all its rows share. */
import { type Attributes, type Context, type Span, INVALID_SPAN_CONTEXT, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { context } from './context'
import type { Properties, PropertyValue } from '../options'
import { nameOf, textOf } from '../rows/hostile'
import { propertyBytes } from '../rows/limits'
import { SAMPLE_RATE } from '../rows/attribute-names'
import { markSampleRate, sampleRateOf } from '../rows/marks'
import { propertyName, propertyValue } from '../rows/properties'
import type { Redactor } from '../rows/redaction'
import { OperationContext, kContextOperation } from './operation-context'
import { guardSpan } from './guarded-span'
import { runIn } from './run'

/** The operation of a request, a reply's raw response, or a logger. */
export const kOperation = Symbol('fastify-app-insights.operation')

/** What happens to an operation's rows. */
export const enum RowDecision {
  /** Sent. */
  Keep,
  /** Never sent: sampled out, or ignored. */
  Drop,
  /** Buffered until the request ends. */
  Pending
}

/** The part of the plugin's instance that its operations need. */
export interface Owner {
  readonly redactor: Pick<Redactor, 'text'>
  /** Rows not sent because of sampling. */
  sampledOut: number
  /** Rows not sent because of `ignore`. */
  ignored: number
  startSpan: (name: string, kind: SpanKind, parent: Context) => Span
  event: (context: Context, name: string, properties?: Properties, measurements?: Record<string, number>) => void
  trackException: (context: Context, error: unknown, properties?: Properties) => void
}

/** A text or copy of an error that an instrumentation recorded. The error itself may be thrown or logged later. */
export interface RecordedText {
  readonly span: Span
  readonly message: string
  readonly report: () => void
}

// A pending operation may log endlessly. Rows above this limit are dropped and counted.
const MAX_BUFFERED = 200

/** A span holds its operation under a symbol in its attributes, because symbols are never sent. */
interface OperationSpan extends Span { readonly attributes?: Attributes & { [kOperation]?: Operation }, readonly name?: string }

// Limits the names that clients can add to the charts.
const MAX_NAMES = 500
const names = new Set<string>()

export class Operation {
  readonly owner: Owner
  /** The name at the start. */
  readonly #firstName: string
  readonly span: Span
  readonly context: Context
  decision: RowDecision
  readonly ignored: boolean
  /** Attributes that the app set for later rows of this operation. */
  attributes: Attributes | undefined = undefined
  /** Finished spans and log records that wait for the decision, each as a function that sends it. */
  buffered: Array<() => void> | undefined = undefined
  /** Kept regardless of the sampler, so each of its rows counts once. */
  forceKeep = false
  /** Thrown errors that are not reported yet. A log line or the end of the request reports them. */
  errors: Set<unknown> | undefined = undefined
  /** Texts passed to `recordException` that wait for the error they describe. */
  recorded: RecordedText[] | undefined = undefined
  /** A request's `url.full`, so that it isn't searched for secrets twice. */
  redactedUrl: string | undefined = undefined
  /** The span ends with the operation, and not when other code ends it. */
  holdsSpan = false
  /** The operation has ended, so nothing may be buffered for its end. */
  hasEnded = false
  /** The app's view of this operation, created on first use. */
  visible: object | undefined = undefined
  /** The request's logger, which decides how errors are serialized if they aren't logged. */
  logger: object | undefined = undefined

  /** Its neighbours among the open operations. */
  newer: Operation | undefined = undefined
  older: Operation | undefined = undefined

  /** @param ignored whether `ignore` or the route excludes this request, unless it fails and failures are kept */
  constructor (owner: Owner, name: string, span: Span, context: Context, decision: RowDecision, ignored = false) {
    this.owner = owner
    this.#firstName = name
    this.span = span
    this.decision = decision
    this.ignored = ignored
    this.context = new OperationContext(context, this, span)
  }

  /** `ai.operation.name` of every row: the span's current name, which the app may have changed. */
  get name (): string {
    const { name: given } = this.span as OperationSpan
    if (given === undefined || given === this.#firstName) return this.#firstName
    const name = this.owner.redactor.text(given)
    if (names.has(name)) return name
    if (names.size >= MAX_NAMES) return this.#firstName
    names.add(name)
    return name
  }

  /** Whether the app has renamed it. */
  get isRenamed (): boolean {
    return this.name !== this.#firstName
  }

  /** Whether the one it works for has gone: a request's client. */
  get isAbandoned (): boolean {
    return false
  }

  /** Whether a line of a logger that was given to the operation belongs to it. */
  ownsLogger (_logger: object): boolean {
    return true
  }

  /** Nothing of this operation is ever sent, so nothing needs to be collected. */
  get silent (): boolean {
    return this.decision === RowDecision.Drop
  }

  set (key: string, value: PropertyValue): void {
    // Apps pass undefined for values they don't have, such as the plan of a user who isn't signed in.
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

  /** @returns whether the row was buffered; if not, the caller drops it */
  buffer (send: () => void): boolean {
    if (this.decision !== RowDecision.Pending) return false
    this.buffered ??= []
    if (this.buffered.length < MAX_BUFFERED) this.buffered.push(send)
    else this.leaveOut()
    return true
  }

  /** Counts rows that are not sent. */
  leaveOut (count = 1): void {
    if (this.ignored) this.owner.ignored += count
    else this.owner.sampledOut += count
  }

  /** Keeps the operation regardless of the sampler. Each of its rows then counts once. */
  keepAnyway (): void {
    this.forceKeep = true
    // This attribute is for other destinations.
    this.span.setAttribute(SAMPLE_RATE, 100)
    markSampleRate((this.span as OperationSpan).attributes, 100)
  }

  /** Sends or drops the buffered rows of a pending operation at its end. */
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

/** Does not report the error: the code that catches it does. */
function within<T> (span: Span, where: Context, work: (span: Span) => T): T {
  return runIn(where, work, span, ({ failed }) => {
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  })
}

/** The operation that a finished span belongs to. */
export function operationOfSpan (span: Span | ReadableSpan): Operation | undefined {
  return (span as OperationSpan).attributes?.[kOperation]
}

export function bindSpan (span: Span | ReadableSpan, operation: Operation): void {
  const { attributes } = span as OperationSpan
  if (attributes !== undefined) attributes[kOperation] = operation
}

/** From here on, its span ends only after `holdsSpan` was set to false. */
export function bindOwnSpan (operation: Operation): void {
  bindSpan(operation.span, operation)
  operation.holdsSpan = true
}

/** The sample rate in percent, if a row of the operation represents several. */
export function rateOf (operation: Operation | undefined): number | undefined {
  if (operation === undefined || operation.forceKeep) return undefined
  const rate = sampleRateOf((operation.span as OperationSpan).attributes)
  return rate !== undefined && rate < 100 ? rate : undefined
}

export function operationOf (context: Context): Operation | undefined {
  return context.getValue(kContextOperation) as Operation | undefined
}

/** Used when there is no telemetry: before the hooks ran, or with `enabled: false`. */
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
