/** The process-wide OpenTelemetry API ↔ our instances: a span goes to the instance whose operation it belongs to. */
import {
  type Context, type Span, type SpanOptions, type Tracer, type TracerOptions, type TracerProvider,
  INVALID_SPAN_CONTEXT, SpanKind, context, propagation, trace
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { operationOf } from './operation'
import type { Telemetry } from './telemetry'
import { propagator } from './trace-context'

// The OpenTelemetry API is one per process, so is the list of those who share it.
const members = new Set<Telemetry>()
let release: (() => void) | undefined

/** @returns the call that undoes it; the last to leave takes the global registration away. */
export function join (telemetry: Telemetry): () => void {
  if (members.size === 0) release = register()
  members.add(telemetry)
  return function leave () {
    if (!members.delete(telemetry) || members.size > 0) return
    release?.()
    release = undefined
  }
}

/** Whatever the app has registered before us stays. */
function register (): () => void {
  const manager = new AsyncLocalStorageContextManager()
  const ownsContext = context.setGlobalContextManager(manager.enable())
  const ownsPropagation = propagation.setGlobalPropagator(propagator)
  const ownsTrace = trace.setGlobalTracerProvider(sharedTracerProvider)
  return function unregister () {
    if (ownsTrace) trace.disable()
    if (ownsPropagation) propagation.disable()
    if (ownsContext) context.disable()
    manager.disable()
  }
}

/** Whose rows are those of this context: its operation's, outside of operations the first one's. */
export function instanceOf (where: Context): Telemetry | undefined {
  // Nothing else owns operations.
  return operationOf(where)?.owner as Telemetry | undefined ?? members.values().next().value
}

export const sharedTracerProvider: TracerProvider = {
  getTracer (name: string, version?: string, options?: TracerOptions): Tracer {
    return new SharedTracer(name, version, options)
  }
}

/** A tracer of whichever instance the context belongs to; outside operations, of the first one. */
class SharedTracer implements Tracer {
  readonly #name: string
  readonly #version: string | undefined
  readonly #options: TracerOptions | undefined

  constructor (name: string, version?: string, options?: TracerOptions) {
    this.#name = name
    this.#version = version
    this.#options = options
  }

  #of (parent: Context): Tracer {
    const telemetry = instanceOf(parent)
    // After the last one has left, the API's own no-op tracer serves.
    return telemetry === undefined
      ? trace.getTracer(this.#name)
      : telemetry.tracerProvider.getTracer(this.#name, this.#version, this.#options)
  }

  startSpan (name: string, options: SpanOptions = {}, parent: Context = context.active()): Span {
    if (options.kind !== SpanKind.SERVER) return this.#of(parent).startSpan(name, options, parent)
    // A request has one SERVER span, which is ours: another instrumentation's is a step of it.
    if (operationOf(parent) !== undefined || this.#name === '@fastify/otel') return this.#of(parent).startSpan(name, { ...options, kind: SpanKind.INTERNAL }, parent)
    if (this.#name === '@opentelemetry/instrumentation-http') return trace.wrapSpanContext(trace.getSpanContext(parent) ?? INVALID_SPAN_CONTEXT)
    return this.#of(parent).startSpan(name, options, parent)
  }

  startActiveSpan<F extends (span: Span) => ReturnType<F>> (name: string, ...rest: [F] | [SpanOptions, F] | [SpanOptions, Context, F]): ReturnType<F> {
    const run = rest.at(-1) as F
    const options = rest.length > 1 ? rest[0] as SpanOptions : {}
    const parent = rest.length === 3 ? rest[1] : context.active()
    const span = this.startSpan(name, options, parent)
    return context.with(trace.setSpan(parent, span), run, undefined, span) as ReturnType<F>
  }
}
