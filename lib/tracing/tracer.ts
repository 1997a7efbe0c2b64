/** OpenTelemetry's tracer → a tracer whose spans belong to the active operation, even if another tracer's span is active. */
import { type Context, type Span, type SpanOptions, type Tracer, SpanKind, trace } from '@opentelemetry/api'
import { context } from './context'
import { addDropped, withOwnSpan } from './own-spans'
import { keepRandomFlag } from './span-processor'

/** Implements all forms of `startActiveSpan` with `startSpan`. */
export abstract class ActiveTracer implements Tracer {
  abstract startSpan (name: string, options?: SpanOptions, parent?: Context): Span

  startActiveSpan<F extends (span: Span) => ReturnType<F>> (name: string, ...rest: [F] | [SpanOptions, F] | [SpanOptions, Context, F]): ReturnType<F> {
    const run = rest.at(-1) as F
    const options = rest.length > 1 ? rest[0] as SpanOptions : {}
    const parent = rest.length === 3 ? rest[1] : context.active()
    const span = this.startSpan(name, options, parent)
    return context.with(trace.setSpan(parent, span), run, undefined, span) as ReturnType<F>
  }
}

export class OperationTracer extends ActiveTracer {
  readonly #tracer: Tracer

  constructor (tracer: Tracer) {
    super()
    this.#tracer = tracer
  }

  startSpan (name: string, options: SpanOptions = {}, parent: Context = context.active()): Span {
    // A message may belong to its sender's trace.
    const isMessage = options.kind === SpanKind.CONSUMER && trace.getSpanContext(parent)?.isRemote === true
    const where = isMessage || options.kind === SpanKind.SERVER ? parent : withOwnSpan(parent)
    const span = this.#tracer.startSpan(name, options, where)
    if (!span.isRecording()) {
      addDropped(span)
      keepRandomFlag(span, where)
    }
    return span
  }
}
