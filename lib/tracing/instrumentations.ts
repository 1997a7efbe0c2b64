/** The app's OpenTelemetry instrumentations → connected to our providers and enabled. */
import type { Context, MeterProvider, SpanOptions, Tracer, TracerProvider } from '@opentelemetry/api'
import type { Instrumentation } from '../options'
import { ignoreRejection } from '../options/guarded'
import { type Warn, messageOf } from '../warnings'
import { context } from './context'
import { DeferredSpan } from './deferred-span'

/** They stay enabled after close, because they belong to the app. */
export function register (instrumentations: readonly Instrumentation[], tracerProvider: TracerProvider, meterProvider: (() => MeterProvider) | undefined, warn: Warn): void {
  for (const instrumentation of instrumentations) {
    try {
      instrumentation.setTracerProvider(isPoolNoise(instrumentation) ? withoutPoolNoise(tracerProvider) : tracerProvider)
      if (meterProvider !== undefined) instrumentation.setMeterProvider(meterProvider())
      ignoreRejection(instrumentation.enable())
    } catch (error) {
      warn(`An instrumentation could not be registered: ${messageOf(error)}`)
    }
  }
}

const POOL_CONNECT = 'pg-pool.connect'

/** Whether to drop pool spans, which is the default: with `ignoreConnectSpans: false`, each use of a pool gets a row. */
function isPoolNoise (instrumentation: Instrumentation): boolean {
  if (instrumentation.instrumentationName !== '@opentelemetry/instrumentation-pg') return false
  const { getConfig } = instrumentation as { getConfig?: () => { ignoreConnectSpans?: boolean } }
  return getConfig?.call(instrumentation).ignoreConnectSpans === undefined
}

/**
 * Otherwise each query through a pool would be two rows, and the first only says that the pool had a connection. If the
 * pool couldn't provide one, the row is kept.
 */
function withoutPoolNoise (provider: TracerProvider): TracerProvider {
  return {
    getTracer (...scope) {
      const tracer = provider.getTracer(...scope)
      const startSpan: Tracer['startSpan'] = (name: string, options: SpanOptions = {}, parent: Context = context.active()) =>
        name === POOL_CONNECT
          ? new DeferredSpan(tracer, name, options, parent, span => span.failed)
          : tracer.startSpan(name, options, parent)
      return { startSpan, startActiveSpan: tracer.startActiveSpan.bind(tracer) as Tracer['startActiveSpan'] }
    }
  }
}
