/** Tracers of OpenTelemetry's API → the tracer of the instance that the context belongs to. */
import { type Context, type ProxyTracerProvider, type Span, type SpanOptions, type Tracer, type TracerOptions, type TracerProvider, INVALID_SPAN_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { context } from '../tracing/context'
import type { Instance } from '../instance'
import { instanceOf } from './members'
import { operationOf } from '../tracing/operation'
import { ActiveTracer, OperationTracer } from '../tracing/tracer'

export const sharedTracerProvider: TracerProvider = {
  getTracer (name: string, version?: string, options?: TracerOptions): Tracer {
    return new SharedTracer(name, version, options)
  }
}

/** Whether the app had registered a tracer provider before us, which the instrumentations then use. */
export function hasOtherTracerProvider (): boolean {
  return (trace.getTracerProvider() as Partial<ProxyTracerProvider>).getDelegate?.() !== sharedTracerProvider
}

// Also matches Sentry 8's copy: @opentelemetry_sentry-patched/instrumentation-http.
const HTTP = /\/instrumentation-http$/

/** Uses the tracer of the instance that the context belongs to; outside operations, that of the first instance. */
class SharedTracer extends ActiveTracer {
  readonly #name: string
  readonly #version: string | undefined
  readonly #options: TracerOptions | undefined
  readonly #tracers = new WeakMap<Instance, Tracer>()

  constructor (name: string, version?: string, options?: TracerOptions) {
    super()
    this.#name = name
    this.#version = version
    this.#options = options
  }

  startSpan (name: string, options: SpanOptions = {}, parent: Context = context.active()): Span {
    if (options.kind !== SpanKind.SERVER) return this.#of(parent).startSpan(name, options, parent)
    // A request has one SERVER span, which is ours. Another instrumentation's span becomes a step of it.
    if (operationOf(parent) !== undefined || this.#name === '@fastify/otel') return this.#of(parent).startSpan(name, { ...options, kind: SpanKind.INTERNAL }, parent)
    if (HTTP.test(this.#name)) return trace.wrapSpanContext(trace.getSpanContext(parent) ?? INVALID_SPAN_CONTEXT)
    return this.#of(parent).startSpan(name, options, parent)
  }

  #of (parent: Context): Tracer {
    const instance = instanceOf(parent)
    // When no instance is left, use the API's no-op tracer.
    if (instance === undefined) return trace.getTracer(this.#name)
    let tracer = this.#tracers.get(instance)
    if (tracer === undefined) this.#tracers.set(instance, tracer = new OperationTracer(instance.providers.tracerProvider.getTracer(this.#name, this.#version, this.#options)))
    return tracer
  }
}
