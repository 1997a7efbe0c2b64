/** What the app sees: `fastify.appInsights` and `request.appInsights`. */
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
  /** Spans made with it are rows of the active operation: `dependencies` of type InProc, unless they say otherwise. */
  readonly tracer: Tracer
  /** A row in `customEvents`, tied to the active operation. */
  trackEvent: (name: string, properties?: Properties, measurements?: Record<string, number>) => void
  /**
   * A row in `exceptions`, tied to the active operation. An error that has its row already, because it was logged or
   * reported before, gets no second one; one that is tracked and then thrown or logged gets none there.
   * @param error an Error, or whatever was thrown
   */
  trackException: (error: unknown, properties?: Properties) => void
  /**
   * A row in `availabilityResults`: the result of a synthetic check of your own. Never sampled out; tied to the active
   * operation, if there is one.
   */
  trackAvailability: (result: AvailabilityResult) => void
  /**
   * Runs `work` as an operation of its own, a job for example: a `requests` row of that name, whose id and name all
   * rows from within carry. An error makes it a failed one with one exception, and is thrown on.
   */
  operation: <T>(name: string, work: (operation: OperationAppInsights) => T) => T
  /** A value of a metric of the app's own: aggregated by name and properties, a row in `customMetrics` per interval. */
  trackMetric: (name: string, value: number, properties?: Properties) => void
  /** For counters, histograms and gauges of OpenTelemetry's API, sent with the other metrics. */
  readonly meter: Meter
  /** Resolves when all that was recorded so far is sent, or waits on disk. */
  flush: () => Promise<FlushReport>
  /** What became of every row so far. */
  stats: () => Stats
}

/** What belongs to one operation: a request, or work in the background. */
export interface OperationAppInsights {
  /** The operation's span. */
  readonly span: Span
  /** A custom property of the request's row and of its later logs and exceptions. */
  set: (key: string, value: PropertyValue) => void
  /** `user_AuthenticatedId` of the same rows. */
  setUser: (id: string) => void
  /** `session_Id` of the same rows. */
  setSession: (id: string) => void
  /** A row in `customEvents`, tied to this operation. */
  trackEvent: (name: string, properties?: Properties, measurements?: Record<string, number>) => void
  /** A row in `exceptions`, tied to this operation; none for an error that has its row already. */
  trackException: (error: unknown, properties?: Properties) => void
  startSpan: {
    /** A part of the operation, a `dependencies` row of type InProc; end it yourself. */
    (name: string): Span
    /** The same around `work`, or until its promise settles; failed where it throws. What it throws is thrown on. */
    <T>(name: string, work: (span: Span) => T): T
  }
}

/** Of `request.appInsights`. */
export interface RequestAppInsights extends OperationAppInsights {}

declare module 'fastify' {
  interface FastifyInstance { appInsights: AppInsights }
  interface FastifyRequest { appInsights: RequestAppInsights }
  interface FastifyContextConfig {
    /** `false` silences the route: its requests, their logs and their dependencies. @default true */
    appInsights?: boolean | RouteConfig
  }
}

/** @param releaseLines sends log lines that wait for the operation of their request */
export function createAppInsights (telemetry: Instance, releaseLines: () => void): AppInsights {
  return Object.freeze<AppInsights>({
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

/** With `enabled: false`: everything may be called, and nothing happens. */
export function decorateSilently (fastify: FastifyInstance): void {
  fastify.decorateRequest('appInsights', { getter: () => SILENT_REQUEST })
  fastify.decorate('appInsights', Object.freeze<AppInsights>({
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
