/** Wiring only: options → telemetry → requests, logs, exceptions → onClose. */
import createRedact from '@pinojs/redact'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { automaticOf, markAutomatic } from './automatic'
import { createAppInsights, decorateSilently, hasFacade } from './decorators'
import { traceCalls } from './dependencies'
import { FAI_ERR_ALREADY_REGISTERED, FAI_ERR_NAME_TAKEN } from './errors'
import { type Exceptions, createExceptions } from './exceptions'
import { followNest } from './exceptions/nestjs'
import { join } from './globals'
import { sharedTracerProvider } from './globals/tracer-provider'
import { Instance } from './instance'
import { type LogCollector, collectLogs } from './logs'
import { followConsole } from './logs/console'
import { internal, quietChild } from './logs/pino/internals'
import { type Redaction, serializedByLogger } from './logs/pino/serialized-error'
import { type AppInsightsOptions, type Config, readOptions } from './options'
import { traceRequests } from './requests'
import { announceTrace } from './requests/server-timing'
import { readProperty } from './rows/hostile'
import { type Redactor, SECRET_QUERY_NAMES, createRedactor } from './rows/redaction'
import { watch } from './shutdown'
import { warnOfApiCopies } from './tracing/api-copies'
import { register } from './tracing/instrumentations'
import { LoadedModules } from './tracing/loaded-modules'
import { keepNextTickFast } from './v8'
import { type Warn, messageOf, once } from './warnings'

// The plugin's own messages may contain the message of one of the app's errors.
const MESSAGES = createRedactor(new Set(SECRET_QUERY_NAMES))

// For register.ts, which must not load second copies of what is bundled here.
export { hasFacade, markAutomatic, messageOf }

export async function appInsights (fastify: FastifyInstance, input: AppInsightsOptions | string): Promise<void> {
  const automatic = automaticOf(fastify)
  const isThere = hasFacade(fastify)
  if (isThere && (automatic === undefined || automatic.isOver)) throw new FAI_ERR_ALREADY_REGISTERED()
  const warnings = createWarnings(fastify)
  const config = readOptions(input, process.env, warnings.warnOnce)
  if (!isThere) requireName(fastify)
  if (isThere && automatic !== undefined) {
    await automatic.standBack(fastify)
    startWith(config, automatic.next(fastify), warnings)
  } else {
    startWith(config, fastify, warnings)
  }
}

/** Starts without options from the app. @throws the same errors as registration */
export function startFromEnvironment (fastify: FastifyInstance): void {
  requireName(fastify)
  const warnings = createWarnings(fastify)
  startWith(readOptions(undefined, process.env, warnings.warnOnce), fastify, warnings)
}

/** Checked first: Fastify would find out when half of the plugin is running. */
function requireName (fastify: FastifyInstance): void {
  if (fastify.hasDecorator('appInsights') || fastify.hasRequestDecorator('appInsights')) throw new FAI_ERR_NAME_TAKEN()
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
  keepNextTickFast()
  const log = quietChild(fastify.log)
  const telemetry = new Instance(config, warn, warnOnce, instance => startExceptions(fastify.log, config, instance))
  const redaction = createRedaction(config, telemetry.redactor)
  const { exceptions } = telemetry
  const logs = startLogs(fastify, config, telemetry, exceptions, redaction, warnOnce)
  const leaveConsole = config.logs !== false && config.logs.console ? followConsole(telemetry, warnOnce) : undefined
  // A child logger factory may return a logger that is unrelated to the app's.
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
    warnOnce(`requests.headers and requests.responseHeaders never include credentials: leaving out ${config.requests.refusedHeaders.join(', ')}.`)
  }

  fastify.decorate('appInsights', createAppInsights(telemetry, () => logs?.releaseAll()))

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

/** A part that only some apps use. If it fails, the app continues without it. */
interface Part {
  /** Called when the app has loaded all its modules. */
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
  // Only then is the framework certain to be loaded.
  return { ready: () => { unfollow = followNest(telemetry, exceptions) }, stop: () => unfollow?.() }
}

/** The app may have closed its logger's destination already, and that must not make the close fail. */
function say (log: FastifyBaseLogger, level: 'warn' | 'debug', message: string, fields = {}): void {
  try {
    log[level](fields, message)
  } catch {
    // There is no other place to report it.
  }
}

function createRedaction ({ logs }: Config, redactor: Redactor): Redaction {
  const paths = logs === false ? [] : [...logs.redact]
  return {
    line: redactor.line,
    paths: paths.length === 0 ? undefined : createRedact({ paths, censor: '[Redacted]', serialize: copy => copy })
  }
}

/** Needed even if exceptions are off, because `trackException` still reports errors. */
function startExceptions (logger: FastifyBaseLogger, config: Config, instance: Instance): Exceptions {
  const redaction = createRedaction(config, instance.redactor)
  const clientErrors = config.exceptions !== false && config.exceptions.clientErrors
  return createExceptions(instance, clientErrors, (error, operation) => serializedByLogger(operation?.logger ?? logger, error, redaction))
}

/** Fastify's option of this name is deprecated, and doesn't know what its successor, the log controller, was given. */
function requestIdLabelOf (fastify: FastifyInstance): string {
  const label = readProperty(internal(fastify, 'fastify.logController'), 'requestIdLogLabel')
  return typeof label === 'string' ? label : fastify.initialConfig.requestIdLogLabel ?? 'reqId'
}

function startLogs (fastify: FastifyInstance, config: Config, telemetry: Instance, exceptions: Exceptions | undefined, redaction: Redaction, warn: (message: string) => void): LogCollector | undefined {
  // A logged error is an exception, whether or not its line becomes a trace.
  if (config.logs === false && exceptions === undefined) return undefined
  const logs = collectLogs(config.logs, { logger: fastify.log, requestIdLabel: requestIdLabelOf(fastify), telemetry, exceptions, redaction, warn })
  if (logs === undefined && config.logs !== false) {
    process.emitWarning(
      'No log lines will reach Application Insights, because the Fastify logger is off or is not pino. Create Fastify with { logger: true } or a pino loggerInstance, or pass { logs: false } to silence this warning.',
      { type: 'FastifyAppInsightsWarning', code: 'FAI_WARN_NO_LOGS' })
  }
  return logs
}
