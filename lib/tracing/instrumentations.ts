/** The app's OpenTelemetry instrumentations → our providers, for modules loaded before them too. */
import type { Context, MeterProvider, SpanOptions, Tracer, TracerProvider } from '@opentelemetry/api'
import type { Instrumentation } from '../options'
import { ignoreRejection } from '../options/guarded'
import { type Warn, messageOf } from '../warnings'
import { context } from './context'
import { DeferredSpan } from './deferred-span'

/** They stay enabled afterwards: they are the app's. */
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

/** Whether the app has not said what it wants: `ignoreConnectSpans: false` brings a row for each time a pool is asked. */
function isPoolNoise (instrumentation: Instrumentation): boolean {
  if (instrumentation.instrumentationName !== '@opentelemetry/instrumentation-pg') return false
  const { getConfig } = instrumentation as { getConfig?: () => { ignoreConnectSpans?: boolean } }
  return getConfig?.call(instrumentation).ignoreConnectSpans === undefined
}

/**
 * Each query of a pool would be two rows, of which the first says nothing: the pool had a connection. It is a row where
 * there was none to be had.
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
