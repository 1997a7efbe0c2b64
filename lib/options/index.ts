/** What the user gave → one frozen, checked Config. */
import type { TokenCredential } from '@azure/core-auth'
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Connection, parseConnectionString } from './connection-string'
import { isDisabled, samplingOf } from './environment'
import { FAI_ERR_CONNECTION_STRING_MISSING, FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN } from '../errors'
import type { Instrumentation } from '../tracing/instrumentations'
import { SECRET_HEADERS, SECRET_QUERY_NAMES } from '../rows/redaction'

export type PropertyValue = string | number | boolean
export type Properties = Record<string, PropertyValue>

export interface RequestOptions {
  /**
   * Query parameters whose values are replaced by `REDACTED`, beside the built-in list (`sig`, `token`, `code`,
   * `password`, …); `{ only: [...] }` instead of that list; `true` for every parameter. Case does not matter.
   */
  redactQuery?: string[] | { only: string[] } | true
  /** Whether a status is a success. @default statusCode < 400 */
  success?: (statusCode: number, request: FastifyRequest) => boolean
  /** Request headers to keep as `http.request.header.<name>`. Credentials (`authorization`, `cookie`, …) never are. */
  headers?: string[]
  /** Response headers to keep as `http.response.header.<name>`. `set-cookie` and the like never are. */
  responseHeaders?: string[]
  /**
   * Answers carry `Server-Timing: traceparent`, so that a web page's telemetry joins the operation. Where the app
   * allows an origin to read the answer (CORS), that origin may read this header too. @default false
   */
  serverTiming?: boolean
  /** Custom properties for the request's row, called once when the request has ended. */
  enrich?: (request: FastifyRequest, reply: FastifyReply) => Properties | undefined | void
}

export interface LogLine {
  /** The level's value, 30 for `info`. */
  readonly level: number
  readonly message: string
  /** Bindings and fields of the line, after pino's serializers and redaction. */
  readonly fields: Readonly<Record<string, unknown>>
}

export interface LogOptions {
  /** The lowest level that is sent. Cannot bring back what the app's own level keeps from being written. */
  level?: string
  /** Keeps a line by returning true. */
  filter?: (line: LogLine) => boolean
  /** Paths whose values are replaced by `[Redacted]` on top of the logger's own redaction, in pino's notation. */
  redact?: string[]
  /** Sends Fastify's own "incoming request" and "request completed" too. @default false */
  requestLogs?: boolean
}

export interface ExceptionOptions {
  /** Errors answered with 4xx are exceptions too. @default false */
  clientErrors?: boolean
  /** Reports uncaught exceptions and unhandled rejections; the process behaves as without. @default true */
  uncaught?: boolean
}

export interface OutgoingCall {
  readonly method: string
  /** With its query, secrets included. */
  readonly url: string
}

export interface DependencyOptions {
  /**
   * Calls that make no rows: hosts (`metadata.internal`, `*.example.org`, `localhost:3100`) or urls without their
   * query (`https://api.example.org/health`, `https://api.example.org/poll*`), or a function.
   */
  ignore?: string[] | ((call: OutgoingCall) => boolean)
}

export interface MetricOptions {
  /** Milliseconds between two sendings. @default 60000 */
  interval?: number
  /** Event loop, heap, garbage collection, CPU and memory of the process. @default true */
  runtime?: boolean
}

export interface IgnoreOptions {
  /** Route patterns (`/health`, `GET /health`, `/internal/*`). */
  routes: string[]
  /** Keeps the row where the request failed. @default false */
  keepFailures?: boolean
}

export interface AppInsightsOptions {
  /**
   * From the Overview page of the Application Insights resource.
   * @default the environment variable APPLICATIONINSIGHTS_CONNECTION_STRING
   * @see https://learn.microsoft.com/azure/azure-monitor/app/connection-strings
   */
  connectionString?: string
  /** `false` sends nothing and needs no connection string; decorators stay callable. @default true, false where the environment variable OTEL_SDK_DISABLED is `true` */
  enabled?: boolean
  /** `cloud_RoleName` of every row. @default OTEL_SERVICE_NAME, else the host platform's name of the app, else package.json's */
  serviceName?: string
  /** Custom properties of every row, such as the deployment's name. */
  properties?: Properties
  /** Share of operations that is sent, from 0 to 1; rows tell Azure how many they stand for. @default 1 */
  samplingRatio?: number
  /** Sends at most about so many operations a second. Not together with `samplingRatio`. */
  tracesPerSecond?: number
  /** An OpenTelemetry sampler instead of `samplingRatio` and `tracesPerSecond`. */
  sampler?: Sampler
  /** Samples what goes to Azure only: `spanProcessors` and `logRecordProcessors` get everything. @default false */
  sampleAzureOnly?: boolean
  /** Sends failed requests, with their logs, although sampled out. @default false */
  keepErrors?: boolean
  /** Sends requests that took longer than so many milliseconds although sampled out. */
  keepSlowerThan?: number
  /** Requests that make no rows: route patterns, or a function. */
  ignore?: string[] | IgnoreOptions | ((request: FastifyRequest) => boolean)
  /** Entries of the caller's W3C baggage that become custom properties of the request's rows: `true` for all of them, or names. @default false */
  baggage?: boolean | string[]
  /** What the `requests` rows hold. */
  requests?: RequestOptions
  /** Log lines as `traces` rows. @default true */
  logs?: boolean | LogOptions
  /** Errors as `exceptions` rows. @default true */
  exceptions?: boolean | ExceptionOptions
  /** Outgoing HTTP calls as `dependencies` rows, and the trace context in their headers. @default true */
  dependencies?: boolean | DependencyOptions
  /** OpenTelemetry instrumentations for databases, queues and the like, `new PgInstrumentation()` for example. */
  instrumentations?: Instrumentation[]
  /**
   * Application Insights' standard metrics, true whatever is sampled; `http.server.request.duration`; the process; what
   * became of telemetry; and `trackMetric` and `meter`. `false` for none of them. @default true
   */
  metrics?: boolean | MetricOptions
  /** Microsoft Entra ID instead of the key alone, such as DefaultAzureCredential. */
  credential?: TokenCredential
  /** Where telemetry waits while Azure cannot be reached; `false` for nowhere. @default a private folder in the system's one for temporary files */
  storageDirectory?: string | false
  /** Bound of that folder, in bytes; the oldest goes first. @default 52428800 */
  maxStorageBytes?: number
  /** Rows that may wait in memory; what is beyond is dropped and counted. @default 100000 */
  maxQueueSize?: number
  /** Longest wait for the last batch on close, in milliseconds. @default 5000 */
  closeTimeout?: number
  /** Exports in a worker thread, away from the event loop. @default true */
  worker?: boolean
  /** `false` switches off Microsoft's own usage metrics, as far as the exporter allows. @default true */
  statsbeat?: boolean
  /** More destinations for spans, such as an OpenTelemetry Collector. */
  spanProcessors?: SpanProcessor[]
  /** More destinations for log records. */
  logRecordProcessors?: LogRecordProcessor[]
}

export type Ignore =
  | { readonly kind: 'none' }
  | { readonly kind: 'routes', readonly routes: readonly string[], readonly keepFailures: boolean }
  | { readonly kind: 'function', readonly test: (request: FastifyRequest) => boolean }

export interface Config {
  readonly connection: Connection
  readonly serviceName: string | undefined
  readonly properties: Readonly<Properties>
  readonly samplingRatio: number
  readonly tracesPerSecond: number | undefined
  readonly sampler: Sampler | undefined
  /** A caller's decision counts before our own. */
  readonly followCaller: boolean
  readonly sampleAzureOnly: boolean
  readonly keepErrors: boolean
  readonly keepSlowerThan: number | undefined
  readonly ignore: Ignore
  /** true for every entry. */
  readonly baggage: true | readonly string[]
  readonly requests: {
    readonly redactQuery: ReadonlySet<string> | true
    readonly success: ((statusCode: number, request: FastifyRequest) => boolean) | undefined
    readonly headers: readonly string[]
    readonly responseHeaders: readonly string[]
    readonly refusedHeaders: readonly string[]
    readonly serverTiming: boolean
    readonly enrich: RequestOptions['enrich']
  }
  readonly logs: Readonly<Omit<LogOptions, 'requestLogs'> & { requestLogs: boolean }> | false
  readonly exceptions: Readonly<Required<ExceptionOptions>> | false
  readonly dependencies: {
    readonly ignore: DependencyOptions['ignore']
    /** Whether ours is to trace them: an instrumentation of the app's may. */
    readonly undici: boolean
    readonly http: boolean
  } | false
  readonly instrumentations: readonly Instrumentation[]
  readonly metrics: Readonly<Required<MetricOptions>> | false
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

/** What an option must be, in words for the error and as a test. */
interface Kind {
  readonly words: string
  readonly test: (value: unknown) => boolean
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isStrings = (value: unknown): boolean => Array.isArray(value) && value.every(item => typeof item === 'string')
const isName = (value: unknown): boolean => typeof value === 'string' && value.trim() !== ''
const isFunction = (value: unknown): boolean => typeof value === 'function'
const isProperty = (value: unknown): boolean => typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
const withMethods = (...names: string[]) => (value: unknown): boolean => isObject(value) && names.every(name => isFunction(value[name]))

const BOOLEAN: Kind = { words: 'true or false', test: value => typeof value === 'boolean' }
const STRING: Kind = { words: 'a non-empty string', test: isName }
const STRINGS: Kind = { words: 'an array of strings', test: isStrings }
const FUNCTION: Kind = { words: 'a function', test: isFunction }
const RATIO: Kind = { words: 'a number from 0 to 1', test: value => typeof value === 'number' && value >= 0 && value <= 1 }
const NOT_NEGATIVE: Kind = { words: 'a number that is not negative', test: value => typeof value === 'number' && Number.isFinite(value) && value >= 0 }
const POSITIVE_INTEGER: Kind = { words: 'a positive integer', test: value => Number.isSafeInteger(value) && (value as number) > 0 }

const REQUESTS: Record<keyof RequestOptions, Kind> = {
  redactQuery: { words: 'an array of parameter names, { only: [...] } or true', test: value => value === true || isStrings(value) || (isObject(value) && isStrings(value.only) && Object.keys(value).length === 1) },
  success: FUNCTION,
  headers: STRINGS,
  responseHeaders: STRINGS,
  serverTiming: BOOLEAN,
  enrich: FUNCTION
}
const LOGS: Record<keyof LogOptions, Kind> = { level: STRING, filter: FUNCTION, redact: STRINGS, requestLogs: BOOLEAN }
const EXCEPTIONS: Record<keyof ExceptionOptions, Kind> = { clientErrors: BOOLEAN, uncaught: BOOLEAN }
const DEPENDENCIES: Record<keyof DependencyOptions, Kind> = { ignore: { words: 'an array of hosts and urls, or a function', test: value => isStrings(value) || isFunction(value) } }
const METRICS: Record<keyof MetricOptions, Kind> = { interval: { words: 'a number of milliseconds from 1 to 2147483647', test: value => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31 }, runtime: BOOLEAN }
const IGNORE: Record<keyof IgnoreOptions, Kind> = { routes: STRINGS, keepFailures: BOOLEAN }

const OPTIONS: Record<keyof AppInsightsOptions, Kind> = {
  connectionString: { words: 'a string', test: value => typeof value === 'string' },
  enabled: BOOLEAN,
  serviceName: STRING,
  properties: { words: 'an object of strings, numbers and booleans', test: value => isObject(value) && Object.values(value).every(isProperty) },
  samplingRatio: RATIO,
  tracesPerSecond: NOT_NEGATIVE,
  sampler: { words: 'an OpenTelemetry sampler', test: withMethods('shouldSample') },
  sampleAzureOnly: BOOLEAN,
  keepErrors: BOOLEAN,
  keepSlowerThan: NOT_NEGATIVE,
  ignore: { words: 'an array of route patterns, { routes, keepFailures } or a function', test: value => isStrings(value) || isFunction(value) || (isObject(value) && isStrings(value.routes)) },
  baggage: { words: 'true, false or an array of names', test: value => typeof value === 'boolean' || isStrings(value) },
  requests: { words: 'an object', test: isObject },
  logs: { words: 'true, false or an object', test: value => typeof value === 'boolean' || isObject(value) },
  exceptions: { words: 'true, false or an object', test: value => typeof value === 'boolean' || isObject(value) },
  dependencies: { words: 'true, false or an object', test: value => typeof value === 'boolean' || isObject(value) },
  instrumentations: { words: 'an array of OpenTelemetry instrumentations', test: value => Array.isArray(value) && value.every(withMethods('setTracerProvider', 'setMeterProvider', 'enable')) },
  metrics: { words: 'true, false or an object', test: value => typeof value === 'boolean' || isObject(value) },
  credential: { words: 'a TokenCredential, such as DefaultAzureCredential', test: withMethods('getToken') },
  storageDirectory: { words: 'a path or false', test: value => value === false || isName(value) },
  maxStorageBytes: POSITIVE_INTEGER,
  maxQueueSize: POSITIVE_INTEGER,
  closeTimeout: NOT_NEGATIVE,
  worker: BOOLEAN,
  statsbeat: BOOLEAN,
  spanProcessors: { words: 'an array of OpenTelemetry span processors', test: value => Array.isArray(value) && value.every(withMethods('onStart', 'onEnd', 'shutdown', 'forceFlush')) },
  logRecordProcessors: { words: 'an array of OpenTelemetry log record processors', test: value => Array.isArray(value) && value.every(withMethods('onEmit', 'shutdown', 'forceFlush')) }
}

// What Fastify itself reads from a plugin's options.
const FASTIFY_OPTIONS = ['prefix', 'logLevel', 'logSerializers']

/**
 * @returns undefined where telemetry is switched off
 * @throws FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN, FAI_ERR_CONNECTION_STRING_MISSING, FAI_ERR_CONNECTION_STRING_INVALID
 */
export function readOptions (input: unknown, env: NodeJS.ProcessEnv): Config | undefined {
  const given = typeof input === 'string' ? { connectionString: input } : input ?? {}
  if (!isObject(given)) throw new FAI_ERR_OPTION_INVALID('options', 'a connection string or an object')
  check('', given, OPTIONS, FASTIFY_OPTIONS)
  const options = given as AppInsightsOptions

  if (isObject(options.requests)) check('requests.', options.requests, REQUESTS)
  if (isObject(options.logs)) check('logs.', options.logs, LOGS)
  if (isObject(options.exceptions)) check('exceptions.', options.exceptions, EXCEPTIONS)
  if (isObject(options.dependencies)) check('dependencies.', options.dependencies, DEPENDENCIES)
  if (isObject(options.metrics)) check('metrics.', options.metrics, METRICS)
  if (isObject(options.ignore)) check('ignore.', options.ignore, IGNORE)
  if (options.samplingRatio !== undefined && options.tracesPerSecond !== undefined) {
    throw new FAI_ERR_OPTION_INVALID('tracesPerSecond', 'left out where samplingRatio is given')
  }

  if (!(options.enabled ?? !isDisabled(env))) return undefined
  const connectionString = options.connectionString ?? env.APPLICATIONINSIGHTS_CONNECTION_STRING
  if (connectionString === undefined || connectionString.trim() === '') throw new FAI_ERR_CONNECTION_STRING_MISSING()
  const logs = options.logs ?? true
  const exceptions = options.exceptions ?? true
  const metrics = options.metrics ?? true

  return Object.freeze<Config>({
    connection: parseConnectionString(connectionString),
    serviceName: options.serviceName,
    properties: Object.freeze({ ...options.properties }),
    ...readSampling(options, env),
    sampler: options.sampler,
    sampleAzureOnly: options.sampleAzureOnly ?? false,
    keepErrors: options.keepErrors ?? false,
    keepSlowerThan: options.keepSlowerThan,
    ignore: readIgnore(options.ignore),
    baggage: options.baggage === true ? true : Object.freeze([...options.baggage === false ? [] : options.baggage ?? []]),
    requests: readRequests(options.requests ?? {}),
    logs: logs === false ? false : readLogs(logs === true ? {} : logs),
    exceptions: exceptions === false ? false : readExceptions(exceptions === true ? {} : exceptions),
    dependencies: readDependencies(options.dependencies ?? true, options.instrumentations ?? []),
    instrumentations: Object.freeze([...options.instrumentations ?? []]),
    metrics: metrics === false ? false : readMetrics(metrics === true ? {} : metrics),
    credential: options.credential,
    storageDirectory: options.storageDirectory,
    maxStorageBytes: options.maxStorageBytes ?? 50 * 1024 * 1024,
    maxQueueSize: options.maxQueueSize ?? 100_000,
    closeTimeout: options.closeTimeout ?? 5_000,
    worker: options.worker ?? true,
    statsbeat: options.statsbeat ?? true,
    spanProcessors: Object.freeze([...options.spanProcessors ?? []]),
    logRecordProcessors: Object.freeze([...options.logRecordProcessors ?? []])
  })
}

/** Any of the options wins over the environment. */
function readSampling (options: AppInsightsOptions, env: NodeJS.ProcessEnv): Pick<Config, 'samplingRatio' | 'tracesPerSecond' | 'followCaller'> {
  const { samplingRatio, tracesPerSecond, sampler } = options
  const isGiven = samplingRatio !== undefined || tracesPerSecond !== undefined || sampler !== undefined
  const sampling = isGiven ? { samplingRatio, tracesPerSecond } : samplingOf(env)
  return { samplingRatio: 1, tracesPerSecond: undefined, followCaller: false, ...defined(sampling) }
}

function defined<T extends object> (given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>
}

/** What a route's `config.appInsights` may be. */
export interface RouteConfig {
  /** Of this route, instead of the instance's. From 0 to 1. */
  samplingRatio: number
}

const ROUTE: Record<keyof RouteConfig, Kind> = { samplingRatio: RATIO }

/** @throws FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN */
export function checkRouteConfig (given: unknown): void {
  if (given === undefined || typeof given === 'boolean') return
  if (!isObject(given)) throw new FAI_ERR_OPTION_INVALID('config.appInsights', 'true, false or { samplingRatio }')
  check('config.appInsights.', given, ROUTE)
}

function check (path: string, given: object, kinds: Record<string, Kind>, alsoKnown: readonly string[] = []): void {
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined) {
      if (alsoKnown.includes(name)) continue
      throw new FAI_ERR_OPTION_UNKNOWN(path + name.slice(0, 64), hint(name, Object.keys(kinds)))
    }
    // An option that is undefined is not given: `{ serviceName: process.env.NAME }` is a habit.
    if (value !== undefined && !kind.test(value)) throw new FAI_ERR_OPTION_INVALID(path + name, kind.words)
  }
}

/** Names the option that was probably meant, or all of them. */
function hint (name: string, known: string[]): string {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z]/g, '')
  const near = known.find(option => plain(option) === plain(name) || `${plain(option)}s` === plain(name) || plain(option) === `${plain(name)}s`)
  return near !== undefined ? `: did you mean ${near}?` : `: expected one of ${known.join(', ')}`
}

function readIgnore (ignore: AppInsightsOptions['ignore']): Ignore {
  if (ignore === undefined) return { kind: 'none' }
  if (typeof ignore === 'function') return { kind: 'function', test: ignore }
  if (Array.isArray(ignore)) return { kind: 'routes', routes: Object.freeze([...ignore]), keepFailures: false }
  return { kind: 'routes', routes: Object.freeze([...ignore.routes]), keepFailures: ignore.keepFailures ?? false }
}

function readLogs (given: LogOptions): Config['logs'] {
  return Object.freeze({ ...given, requestLogs: given.requestLogs ?? false })
}

function readExceptions ({ clientErrors, uncaught }: ExceptionOptions): Config['exceptions'] {
  return Object.freeze({ clientErrors: clientErrors ?? false, uncaught: uncaught ?? true })
}

function readMetrics ({ interval, runtime }: MetricOptions): Config['metrics'] {
  return Object.freeze({ interval: interval ?? 60_000, runtime: runtime ?? true })
}

function readDependencies (given: boolean | DependencyOptions, instrumentations: Instrumentation[]): Config['dependencies'] {
  if (given === false) return false
  const has = (name: string): boolean => instrumentations.some(({ instrumentationName }) => instrumentationName === name)
  return Object.freeze({
    ignore: given === true ? undefined : given.ignore,
    undici: !has('@opentelemetry/instrumentation-undici'),
    http: !has('@opentelemetry/instrumentation-http')
  })
}

function readRequests (given: RequestOptions): Config['requests'] {
  const lower = (names: string[] = []): string[] => names.map(name => name.toLowerCase())
  const { redactQuery } = given
  const secret = (name: string): boolean => SECRET_HEADERS.includes(name)
  const headers = lower(given.headers)
  const responseHeaders = lower(given.responseHeaders)
  return Object.freeze<Config['requests']>({
    redactQuery: redactQuery === true
      ? true
      : new Set(Array.isArray(redactQuery) || redactQuery === undefined
        ? [...SECRET_QUERY_NAMES, ...lower(redactQuery)]
        : lower(redactQuery.only)),
    success: given.success,
    headers: headers.filter(name => !secret(name)),
    responseHeaders: responseHeaders.filter(name => !secret(name)),
    refusedHeaders: [...headers, ...responseHeaders].filter(secret),
    serverTiming: given.serverTiming ?? false,
    enrich: given.enrich
  })
}
