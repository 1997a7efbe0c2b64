/** The user's options → one checked, frozen Config. */
import type { TokenCredential } from '@azure/core-auth'
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type EnvironmentSampling, isDisabled, isSdkStatsDisabled, samplingOf } from './environment'
import { type Connection, parseConnectionString } from './connection-string'
import {
  guardedCredential, guardedLogRecordProcessor, guardedPredicate, guardedProperties, guardedSampler, guardedSpanProcessor, withoutUndefined
} from './guarded'
import type {
  AppInsightsOptions, DependencyOptions, ExceptionOptions, FinishedCall, Instrumentation, LogLine, LogOptions, MetricOptions, OutgoingCall, Properties, RequestOptions
} from './interfaces'
import { validated } from './validation'
import { FAI_ERR_CONNECTION_STRING_MISSING } from '../errors'
import { SECRET_HEADERS, SECRET_QUERY_NAMES } from '../rows/redaction'
import type { Warn } from '../warnings'

export type Ignore =
  | { readonly kind: 'none' }
  | { readonly kind: 'routes', readonly routes: readonly string[], readonly keepFailures: boolean }
  | { readonly kind: 'function', readonly test: (request: FastifyRequest) => boolean | undefined }

/** Hosts and URLs, or a function. */
export type CallChoice = readonly string[] | ((call: OutgoingCall) => boolean | undefined)

/** The app's functions in it are guarded: they never throw, and return undefined or the default if they fail. */
export interface LogsConfig {
  readonly level: string | undefined
  readonly filter: ((line: LogLine) => boolean) | undefined
  readonly redact: readonly string[]
  readonly requestLogs: boolean
  readonly console: boolean
}

export interface Config {
  readonly connection: Connection
  readonly serviceName: string | undefined
  readonly properties: Readonly<Properties>
  readonly samplingRatio: number
  readonly tracesPerSecond: number | undefined
  readonly sampler: Sampler | undefined
  /** Follows the caller's sampling decision, if there is one. */
  readonly followCaller: boolean
  readonly sampleAzureOnly: boolean
  readonly keepErrors: boolean
  readonly keepSlowerThan: number | undefined
  readonly ignore: Ignore
  /** true: all entries. */
  readonly baggage: true | readonly string[]
  readonly requests: {
    readonly redactQuery: ReadonlySet<string> | true
    readonly success: ((statusCode: number, request: FastifyRequest) => boolean | undefined) | undefined
    readonly headers: readonly string[]
    readonly responseHeaders: readonly string[]
    readonly refusedHeaders: readonly string[]
    readonly serverTiming: boolean
    readonly clientAddress: boolean
    readonly userAgent: boolean
    readonly enrich: ((request: FastifyRequest, reply: FastifyReply) => Properties | undefined) | undefined
  }
  readonly logs: LogsConfig | false
  readonly exceptions: Readonly<Required<ExceptionOptions>> | false
  readonly dependencies: {
    /** Calls that aren't reported. */
    readonly ignore: CallChoice | undefined
    /** Calls that get trace headers. */
    readonly propagate: boolean | CallChoice | undefined
    readonly success: ((call: FinishedCall) => boolean | undefined) | undefined
    /** Whether we trace them. False if one of the app's instrumentations does. */
    readonly azureSdk: boolean
    readonly undici: boolean
    readonly http: boolean
  } | false
  readonly instrumentations: readonly Instrumentation[]
  readonly metrics: Readonly<Required<MetricOptions>> | false
  readonly liveMetrics: boolean
  readonly credential: TokenCredential | undefined
  readonly storageDirectory: string | false | undefined
  readonly maxStorageBytes: number
  readonly maxQueueSize: number
  readonly closeTimeout: number
  readonly worker: boolean
  readonly statsbeat: boolean
  readonly spanProcessors: readonly SpanProcessor[]
  readonly logRecordProcessors: readonly LogRecordProcessor[]
}

/**
 * @param warn gets a warning, once each, when one of the app's functions fails later
 * @returns undefined if telemetry is turned off
 * @throws FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN, FAI_ERR_CONNECTION_STRING_MISSING, FAI_ERR_CONNECTION_STRING_INVALID
 */
export function readOptions (input: unknown, env: NodeJS.ProcessEnv, warn: Warn): Config | undefined {
  const options = validated(typeof input === 'string' ? { connectionString: input } : input ?? {})
  if (!(options.enabled ?? !isDisabled(env))) return undefined
  const connectionString = options.connectionString ?? env.APPLICATIONINSIGHTS_CONNECTION_STRING
  if (connectionString === undefined || connectionString.trim() === '') throw new FAI_ERR_CONNECTION_STRING_MISSING()
  const { sampler, credential } = options

  const connection = parseConnectionString(connectionString)
  return Object.freeze<Config>({
    connection,
    serviceName: options.serviceName,
    properties: Object.freeze(withoutUndefined(options.properties ?? {})),
    ...readSampling(options, env),
    sampler: sampler === undefined ? undefined : guardedSampler(sampler, warn),
    sampleAzureOnly: options.sampleAzureOnly ?? false,
    keepErrors: options.keepErrors ?? false,
    keepSlowerThan: options.keepSlowerThan,
    ignore: readIgnore(options.ignore, warn),
    baggage: options.baggage === true ? true : Object.freeze([...options.baggage === false ? [] : options.baggage ?? []]),
    requests: readRequests(options.requests ?? {}, warn),
    logs: readLogs(options.logs ?? true, warn),
    exceptions: readExceptions(options.exceptions ?? true),
    dependencies: readDependencies(options.dependencies ?? true, options.instrumentations ?? [], warn),
    instrumentations: Object.freeze([...options.instrumentations ?? []]),
    liveMetrics: options.liveMetrics ?? true,
    metrics: readMetrics(options.metrics ?? true, (options.statsbeat ?? true) && !connection.loopback && !isSdkStatsDisabled(env)),
    credential: credential === undefined ? undefined : guardedCredential(credential),
    storageDirectory: options.storageDirectory,
    maxStorageBytes: options.maxStorageBytes ?? 50 * 1024 * 1024,
    maxQueueSize: options.maxQueueSize ?? 100_000,
    closeTimeout: options.closeTimeout ?? 5_000,
    worker: options.worker ?? true,
    statsbeat: options.statsbeat ?? true,
    spanProcessors: Object.freeze((options.spanProcessors ?? []).map((processor, i) => guardedSpanProcessor(`spanProcessors[${i}]`, processor, warn))),
    logRecordProcessors: Object.freeze((options.logRecordProcessors ?? []).map((processor, i) => guardedLogRecordProcessor(`logRecordProcessors[${i}]`, processor, warn)))
  })
}

/** If any sampling option is set, the environment is ignored. */
function readSampling (options: AppInsightsOptions, env: NodeJS.ProcessEnv): Pick<Config, 'samplingRatio' | 'tracesPerSecond' | 'followCaller'> {
  const { samplingRatio, tracesPerSecond, sampler } = options
  const isGiven = samplingRatio !== undefined || tracesPerSecond !== undefined || sampler !== undefined
  const sampling: EnvironmentSampling = isGiven ? { samplingRatio, tracesPerSecond } : samplingOf(env)
  return { samplingRatio: sampling.samplingRatio ?? 1, tracesPerSecond: sampling.tracesPerSecond, followCaller: sampling.followCaller ?? false }
}

function readIgnore (ignore: AppInsightsOptions['ignore'], warn: Warn): Ignore {
  if (ignore === undefined) return { kind: 'none' }
  if (typeof ignore === 'function') return { kind: 'function', test: guardedPredicate('ignore', ignore, 'the request is kept', warn) }
  const { routes, keepFailures } = Array.isArray(ignore) ? { routes: ignore, keepFailures: false } : ignore
  return { kind: 'routes', routes: Object.freeze([...routes]), keepFailures: keepFailures ?? false }
}

function readLogs (given: boolean | LogOptions, warn: Warn): Config['logs'] {
  if (given === false) return false
  const { level, filter, redact, requestLogs, console }: LogOptions = given === true ? {} : given
  const isKept = filter === undefined ? undefined : guardedPredicate('logs.filter', filter, 'the line is sent', warn)
  return Object.freeze({
    level,
    filter: isKept === undefined ? undefined : (line: LogLine) => isKept(line) ?? true,
    redact: Object.freeze([...redact ?? []]),
    requestLogs: requestLogs ?? false,
    console: console ?? false
  })
}

function readExceptions (given: boolean | ExceptionOptions): Config['exceptions'] {
  if (given === false) return false
  const { clientErrors, uncaught }: ExceptionOptions = given === true ? {} : given
  return Object.freeze({ clientErrors: clientErrors ?? false, uncaught: uncaught ?? true })
}

/** @param sdkStats the default, if the app doesn't set it */
function readMetrics (given: boolean | MetricOptions, sdkStats: boolean): Config['metrics'] {
  if (given === false) return false
  const { interval, runtime, sdkStats: chosen }: MetricOptions = given === true ? {} : given
  return Object.freeze({ interval: interval ?? 60_000, runtime: runtime ?? true, sdkStats: chosen ?? sdkStats })
}

function readDependencies (given: boolean | DependencyOptions, instrumentations: Instrumentation[], warn: Warn): Config['dependencies'] {
  if (given === false) return false
  const { ignore, propagate, success, azureSdk }: DependencyOptions = given === true ? {} : given
  const has = (name: string): boolean => instrumentations.some(({ instrumentationName }) => instrumentationName === name)
  return Object.freeze({
    ignore: typeof ignore === 'function' ? guardedPredicate('dependencies.ignore', ignore, 'the call is kept', warn) : frozen(ignore),
    propagate: typeof propagate === 'function'
      ? guardedPredicate('dependencies.propagate', propagate, 'the call carries trace headers', warn)
      : typeof propagate === 'boolean' ? propagate : frozen(propagate),
    success: success === undefined ? undefined : guardedPredicate('dependencies.success', success, 'the default is used', warn),
    azureSdk: (azureSdk ?? true) && !has('@azure/opentelemetry-instrumentation-azure-sdk'),
    undici: !has('@opentelemetry/instrumentation-undici'),
    http: !has('@opentelemetry/instrumentation-http')
  })
}

function readRequests (given: RequestOptions, warn: Warn): Config['requests'] {
  const { success, enrich } = given
  const headers = lower(given.headers)
  const responseHeaders = lower(given.responseHeaders)
  const isSecret = (name: string): boolean => SECRET_HEADERS.includes(name)
  return Object.freeze<Config['requests']>({
    redactQuery: readRedactQuery(given.redactQuery),
    success: success === undefined ? undefined : guardedPredicate('requests.success', success, 'the default is used', warn),
    headers: headers.filter(name => !isSecret(name)),
    responseHeaders: responseHeaders.filter(name => !isSecret(name)),
    refusedHeaders: [...headers, ...responseHeaders].filter(isSecret),
    serverTiming: given.serverTiming ?? false,
    clientAddress: given.clientAddress ?? true,
    userAgent: given.userAgent ?? true,
    enrich: enrich === undefined ? undefined : guardedProperties('requests.enrich', enrich, 'the row is sent without its properties', warn)
  })
}

function readRedactQuery (given: RequestOptions['redactQuery']): ReadonlySet<string> | true {
  if (given === true) return true
  if (given === undefined || Array.isArray(given)) return new Set([...SECRET_QUERY_NAMES, ...lower(given)])
  return new Set(lower(given.only))
}

function frozen (list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined ? undefined : Object.freeze([...list])
}

function lower (names: readonly string[] = []): string[] {
  return names.map(name => name.toLowerCase())
}
