/** Wiring only: options → telemetry → requests, logs, exceptions → onClose. */
import { type Meter, type Span, type Tracer, ProxyTracerProvider } from '@opentelemetry/api'
import createRedact from '@pinojs/redact'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { context } from './tracing/context'
import { automaticOf } from './automatic'
import { runOperation } from './tracing/background'
import { announceTrace } from './requests/server-timing'
import { traceCalls } from './dependencies'
import { FAI_ERR_ALREADY_REGISTERED } from './errors'
import { type Exceptions, createExceptions } from './exceptions'
import { followNest } from './exceptions/nestjs'
import { watch } from './shutdown'
import { register } from './tracing/instrumentations'
import { LoadedModules } from './tracing/loaded-modules'
import { type LogCollector, collectLogs } from './logs'
import { NO_METER } from './metrics'
import { guardMeter } from './metrics/guarded-meter'
import { guardTracer } from './tracing/guarded-tracer'
import { nameOf } from './rows/hostile'
import { SILENT_REQUEST } from './tracing/operation'
import { type AppInsightsOptions, type Config, type Properties, type PropertyValue, type RouteConfig, readOptions } from './options'
import type { AvailabilityResult } from './logs/availability'
import { followConsole } from './logs/console'
import { quietChild } from './logs/pino/internals'
import { join } from './globals'
import { sharedTracerProvider } from './globals/tracer-provider'
import { traceRequests } from './requests'
import { type FlushReport, emptyStats } from './delivery'
import { type Redactor, SECRET_QUERY_NAMES, createRedactor } from './rows/redaction'
import { Instance, type Stats } from './instance'
import { warnOfApiCopies } from './tracing/api-copies'
import { type Warn, messageOf, once } from './warnings'
import { type Redaction, serializedByLogger } from './logs/pino/serialized-error'

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

// What the plugin says itself may repeat the message of an error of the app's.
const MESSAGES = createRedactor(new Set(SECRET_QUERY_NAMES))

export async function appInsights (fastify: FastifyInstance, input: AppInsightsOptions | string): Promise<void> {
  const automatic = automaticOf(fastify)
  const isThere = fastify.hasDecorator('appInsights')
  if (isThere && (automatic === undefined || automatic.isOver)) throw new FAI_ERR_ALREADY_REGISTERED()
  const warnings = createWarnings(fastify)
  const config = readOptions(input, process.env, warnings.warnOnce)
  if (isThere && automatic !== undefined) {
    await automatic.standBack(fastify)
    startWith(config, automatic.next(fastify), warnings)
  } else {
    startWith(config, fastify, warnings)
  }
}

/** Without options of the app's. @throws what registration throws */
export function startFromEnvironment (fastify: FastifyInstance): void {
  const warnings = createWarnings(fastify)
  startWith(readOptions(undefined, process.env, warnings.warnOnce), fastify, warnings)
}

interface Warnings { readonly warn: Warn, readonly warnOnce: Warn }

function createWarnings (fastify: FastifyInstance): Warnings {
  let log: FastifyBaseLogger | undefined
  const warn: Warn = message => {
    log ??= quietChild(fastify.log)
    say(log, 'warn', MESSAGES.text(message))
  }
  return { warn, warnOnce: once(warn) }
}

function startWith (config: Config | undefined, fastify: FastifyInstance, { warn, warnOnce }: Warnings): void {
  if (config === undefined) decorateSilently(fastify)
  else start(fastify, config, warn, warnOnce)
}

function start (fastify: FastifyInstance, config: Config, warn: Warn, warnOnce: Warn): void {
  const log = quietChild(fastify.log)
  const telemetry = new Instance(config, warn, warnOnce, instance => startExceptions(fastify.log, config, instance))
  const redaction = createRedaction(config, telemetry.redactor)
  const { exceptions } = telemetry
  const logs = startLogs(fastify, config, telemetry, exceptions, redaction, warnOnce)
  const leaveConsole = config.logs !== false && config.logs.console ? followConsole(telemetry, warnOnce) : undefined
  // A child logger factory may hand out a logger that has nothing to do with the app's.
  const stopRequests = traceRequests(fastify, config, telemetry, exceptions, warnOnce, logs)
  if (config.requests.serverTiming) announceTrace(fastify)
  const leave = join(telemetry, warnOnce)
  const parts: Part[] = [traceOutgoing(config, telemetry, warnOnce), patchLoaded(config, telemetry, warnOnce), followFrameworks(telemetry), { ready: warnOfApiCopies }]
  fastify.addHook('onReady', async () => {
    for (const { ready } of parts) attempt(warnOnce, ready)
  })
  const unwatch = watch({
    telemetry,
    exceptions: config.exceptions !== false && config.exceptions.uncaught ? exceptions : undefined,
    stop () {
      stopRequests()
      logs?.releaseAll()
    }
  })
  if (config.requests.refusedHeaders.length > 0) {
    warnOnce(`requests.headers and requests.responseHeaders never take credentials: ${config.requests.refusedHeaders.join(', ')} left out.`)
  }

  fastify.decorate('appInsights', Object.freeze<AppInsights>({
    get tracer () { return guardTracer(telemetry.tracer) },
    trackEvent: (name, properties, measurements) => telemetry.event(context.active(), name, properties, measurements),
    trackException: (error, properties) => telemetry.trackException(context.active(), error, properties),
    trackAvailability: result => telemetry.availability(context.active(), result),
    operation: (name, work) => runOperation(telemetry, nameOf(name), work),
    trackMetric: (name, value, properties) => telemetry.metrics?.track(name, value, properties),
    get meter () { return telemetry.metrics === undefined ? NO_METER : guardMeter(telemetry.metrics.meterProvider().getMeter('fastify-app-insights')) },
    async flush () {
      logs?.releaseAll()
      return await telemetry.flush()
    },
    stats: () => telemetry.stats()
  }))

  fastify.addHook('onClose', async () => {
    stopRequests()
    for (const { stop } of parts) attempt(warnOnce, stop)
    logs?.stop()
    leaveConsole?.()
    const { sent, spooled, lost } = await telemetry.close()
    unwatch()
    leave()
    if (sent + spooled + lost > 0) say(log, lost > 0 ? 'warn' : 'debug', 'Telemetry closed', { sent, spooled, lost })
  })
}

/** Something that only some apps have: where it fails, the app goes on without it. */
interface Part {
  /** Everything that the app uses is loaded now. */
  ready?: (() => void) | undefined
  stop?: (() => void) | undefined
}

function attempt (warn: Warn, step: (() => void) | undefined): void {
  try {
    step?.()
  } catch (error) {
    warn(`A part of fastify-app-insights failed, and the app goes on without it: ${messageOf(error)}`)
  }
}

function traceOutgoing ({ dependencies }: Config, telemetry: Instance, warn: Warn): Part {
  let part: Part = {}
  attempt(warn, () => {
    if (dependencies === false) return
    const calls = traceCalls(dependencies, telemetry, warn)
    part = { ready: () => calls.ready(), stop: () => calls.stop() }
  })
  return part
}

function patchLoaded ({ instrumentations }: Config, telemetry: Instance, warn: Warn): Part {
  if (instrumentations.length === 0) return {}
  const { metrics } = telemetry
  const loaded = new LoadedModules(instrumentations, warn)
  attempt(warn, () => {
    register(instrumentations, sharedTracerProvider, metrics === undefined ? undefined : () => metrics.meterProvider(), warn)
    loaded.patch()
  })
  return { ready: () => loaded.report() }
}

function followFrameworks (telemetry: Instance): Part {
  const { exceptions } = telemetry
  if (exceptions === undefined) return {}
  let unfollow: (() => void) | undefined
  // Not before: by then the framework is loaded, if it ever is.
  return { ready: () => { unfollow = followNest(telemetry, exceptions) }, stop: () => unfollow?.() }
}

/** An app may have ended its logger's destination before it closes: that must not fail the close. */
function say (log: FastifyBaseLogger, level: 'warn' | 'debug', message: string, fields = {}): void {
  try {
    log[level](fields, message)
  } catch {
    // There is nobody left to tell.
  }
}

function createRedaction ({ logs }: Config, redactor: Redactor): Redaction {
  const paths = logs === false ? [] : [...logs.redact]
  return {
    line: redactor.line,
    paths: paths.length === 0 ? undefined : createRedact({ paths, censor: '[Redacted]', serialize: copy => copy })
  }
}

/** Also where errors are no rows by themselves: `trackException` makes one. */
function startExceptions (logger: FastifyBaseLogger, config: Config, instance: Instance): Exceptions {
  const redaction = createRedaction(config, instance.redactor)
  const clientErrors = config.exceptions !== false && config.exceptions.clientErrors
  return createExceptions(instance, clientErrors, (error, operation) => serializedByLogger(operation?.logger ?? logger, error, redaction))
}

function startLogs (fastify: FastifyInstance, config: Config, telemetry: Instance, exceptions: Exceptions | undefined, redaction: Redaction, warn: (message: string) => void): LogCollector | undefined {
  // An error that is logged is an exception, whether or not the line becomes a trace.
  if (config.logs === false && exceptions === undefined) return undefined
  const logs = collectLogs(config.logs, { logger: fastify.log, requestIdLabel: fastify.initialConfig.requestIdLogLabel ?? 'reqId', telemetry, exceptions, redaction, warn })
  if (logs === undefined && config.logs !== false) {
    process.emitWarning(
      'No log lines will reach Application Insights: the Fastify logger is off or not pino. Create Fastify with { logger: true } or a pino loggerInstance, or say { logs: false } to silence this.',
      { type: 'FastifyAppInsightsWarning', code: 'FAI_WARN_NO_LOGS' })
  }
  return logs
}

function decorateSilently (fastify: FastifyInstance): void {
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
