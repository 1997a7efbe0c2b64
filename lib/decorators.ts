/** One plugin instance → `fastify.appInsights`, and the types of everything that the app can call. */
import { type Meter, type Span, type Tracer, ProxyTracerProvider } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import { type FlushReport, emptyStats } from './delivery'
import type { Instance, Stats } from './instance'
import type { AvailabilityResult } from './logs/availability'
import { NO_METER } from './metrics'
import { guardMeter } from './metrics/guarded-meter'
import type { Properties, PropertyValue, RouteConfig } from './options'
import { nameOf } from './rows/hostile'
import { runOperation } from './tracing/background'
import { context } from './tracing/context'
import { guardTracer } from './tracing/guarded-tracer'
import { SILENT_REQUEST } from './tracing/operation'

export interface AppInsights {
  /** Its spans become rows of the active operation: `dependencies` of type InProc, unless the span sets another kind. */
  readonly tracer: Tracer
  /** Adds a row to `customEvents`, tied to the active operation. */
  trackEvent: (name: string, properties?: Properties, measurements?: Record<string, number>) => void
  /**
   * Adds a row to `exceptions`, tied to the active operation. Each error gets one row: an error that was logged or
   * reported before gets no second one, and neither does an error that is thrown or logged after this call.
   * @param error an Error, or whatever was thrown
   */
  trackException: (error: unknown, properties?: Properties) => void
  /**
   * Adds a row to `availabilityResults`: the result of your own synthetic check. Never sampled out. Tied to the active
   * operation, if any.
   */
  trackAvailability: (result: AvailabilityResult) => void
  /**
   * Runs `work` as a separate operation, such as a job. It becomes a `requests` row with this name, and all rows from
   * inside carry its id and name. If `work` fails, the error is reported once, the row is marked as failed, and the error is rethrown.
   */
  operation: <T>(name: string, work: (operation: OperationAppInsights) => T) => T
  /** Records a value of your own metric. Values are aggregated by name and properties, with one `customMetrics` row per interval. */
  trackMetric: (name: string, value: number, properties?: Properties) => void
  /** Creates OpenTelemetry counters, histograms and gauges, which are sent with the other metrics. */
  readonly meter: Meter
  /** Resolves when everything recorded so far is sent, stored on disk or dropped, or when time runs out. */
  flush: () => Promise<FlushReport>
  /** Counts of what happened to every row so far. */
  stats: () => Stats
}

/** One operation: a request, or background work. */
export interface OperationAppInsights {
  /** The operation's span. */
  readonly span: Span
  /** Sets a custom property on the operation's row, and on its later logs and exceptions. */
  set: (key: string, value: PropertyValue) => void
  /** Sets `user_AuthenticatedId` on the same rows. */
  setUser: (id: string) => void
  /** Sets `session_Id` on the same rows. */
  setSession: (id: string) => void
  /** Adds a row to `customEvents`, tied to this operation. */
  trackEvent: (name: string, properties?: Properties, measurements?: Record<string, number>) => void
  /** Adds a row to `exceptions`, tied to this operation, unless the error already has one. */
  trackException: (error: unknown, properties?: Properties) => void
  startSpan: {
    /** Starts a part of the operation, a `dependencies` row of type InProc. You must end it. */
    (name: string): Span
    /** Ends the span when `work` returns or its promise settles. Errors mark it as failed, and are rethrown. */
    <T>(name: string, work: (span: Span) => T): T
  }
}

/** The type of `request.appInsights`. */
export interface RequestAppInsights extends OperationAppInsights {}

declare module 'fastify' {
  interface FastifyInstance { appInsights: AppInsights }
  interface FastifyRequest { appInsights: RequestAppInsights }
  interface FastifyContextConfig {
    /** `false` silences the route: its requests, their logs and their dependencies. @default true */
    appInsights?: boolean | RouteConfig
  }
}

// Other copies of this package know it too.
const kFacade = Symbol.for('fastify-app-insights.facade')

/** Whether this instance's `appInsights` is the plugin's, and not a decorator of the app. */
export function hasFacade ({ appInsights }: { readonly appInsights?: unknown }): boolean {
  return typeof appInsights === 'object' && appInsights !== null && kFacade in appInsights
}

function asFacade (facade: AppInsights): AppInsights {
  return Object.freeze(Object.defineProperty(facade, kFacade, { value: true }))
}

/** @param releaseLines sends log lines that are waiting for their request's operation */
export function createAppInsights (telemetry: Instance, releaseLines: () => void): AppInsights {
  return asFacade({
    get tracer () { return guardTracer(telemetry.tracer) },
    trackEvent: (name, properties, measurements) => telemetry.event(context.active(), name, properties, measurements),
    trackException: (error, properties) => telemetry.trackException(context.active(), error, properties),
    trackAvailability: result => telemetry.availability(context.active(), result),
    operation: (name, work) => runOperation(telemetry, nameOf(name), work),
    trackMetric: (name, value, properties) => telemetry.metrics?.track(name, value, properties),
    get meter () { return telemetry.metrics === undefined ? NO_METER : guardMeter(telemetry.metrics.meterProvider().getMeter('fastify-app-insights')) },
    async flush () {
      releaseLines()
      return await telemetry.flush()
    },
    stats: () => telemetry.stats()
  })
}

/** For `enabled: false`: every method exists, and does nothing except run the given function. */
export function decorateSilently (fastify: FastifyInstance): void {
  fastify.decorateRequest('appInsights', { getter: () => SILENT_REQUEST })
  fastify.decorate('appInsights', asFacade({
    tracer: guardTracer(new ProxyTracerProvider().getTracer('fastify-app-insights')),
    trackEvent () {},
    trackException () {},
    trackAvailability () {},
    operation: <T>(_name: string, work: (operation: OperationAppInsights) => T) => typeof work === 'function' ? work(SILENT_REQUEST as OperationAppInsights) : undefined as T,
    trackMetric () {},
    meter: NO_METER,
    flush: async () => ({ sent: 0, spooled: 0, lost: 0, pending: 0 }),
    stats: () => ({ ...emptyStats(), sampledOut: 0, ignored: 0, openRequests: 0 })
  }))
}
