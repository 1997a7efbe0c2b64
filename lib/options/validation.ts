/** Given options → checked options. Errors have a code and say which option is wrong and what was expected, never the value. */
import createRedact from '@pinojs/redact'
import { FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN } from '../errors'
import type {
  AppInsightsOptions, DependencyOptions, ExceptionOptions, IgnoreOptions, LogOptions, MetricOptions, RequestOptions, RouteConfig
} from './interfaces'

/** @throws FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN */
type Check = (path: string, value: unknown) => void
type Shape<Options> = Readonly<Record<keyof Options, Check>>

const LONGEST_NAME = 64
/** In milliseconds. Node's timers fire at once if the delay is longer. */
const LONGEST_WAIT = 2 ** 31 - 1

/** Excludes a Map or a Date, which have no properties to read, but includes a module namespace. */
function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && /^\[object (?:Object|Module)\]$/.test(Object.prototype.toString.call(value))
}

function isName (value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '' && !value.includes('\0')
}

function isFunction (value: unknown): boolean {
  return typeof value === 'function'
}

function isNumber (value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function has (value: unknown, ...methods: string[]): boolean {
  return typeof value === 'object' && value !== null && methods.every(name => isFunction((value as Record<string, unknown>)[name]))
}

function must (words: string, test: (value: unknown) => boolean): Check {
  return (path, value) => {
    if (!test(value)) throw new FAI_ERR_OPTION_INVALID(path, words)
  }
}

/** Checks each entry of an array. Errors name the index of the wrong one. */
function list (words: string, entry: Check): Check {
  return (path, value) => {
    if (!Array.isArray(value)) throw new FAI_ERR_OPTION_INVALID(path, words)
    // Not forEach, which skips holes.
    for (let i = 0; i < value.length; i++) entry(`${path}[${i}]`, value[i])
  }
}

/** Checks an object with known names. Those in `alsoKnown` are allowed, but not checked. */
function object<Options> (words: string, shape: Shape<Options>, alsoKnown: readonly string[] = []): Check {
  const checks = new Map<string, Check>(Object.entries(shape))
  return (path, value) => {
    if (!isObject(value)) throw new FAI_ERR_OPTION_INVALID(path === '' ? 'options' : path, words)
    for (const [name, given] of Object.entries(value)) {
      const check = checks.get(name)
      const full = path === '' ? name : `${path}.${name}`
      // Undefined counts as not set, because code such as `{ serviceName: process.env.NAME }` is common.
      if (check !== undefined && given !== undefined) check(full, given)
      else if (check === undefined && !alsoKnown.includes(name)) throw new FAI_ERR_OPTION_UNKNOWN(readable(full), hint(name, [...checks.keys()]))
    }
  }
}

/** Like `check`, but `name` is required. */
function required (name: string, entry: Check, check: Check): Check {
  return (path, value) => {
    check(path, value)
    entry(`${path}.${name}`, (value as Record<string, unknown>)[name])
  }
}

/** Runs the first check whose kind matches. If none does, the error says that the value must be `otherwise`. */
function either (otherwise: string, ...kinds: Array<[isKind: (value: unknown) => boolean, check: Check]>): Check {
  return (path, value) => {
    const kind = kinds.find(([isKind]) => isKind(value))
    if (kind === undefined) throw new FAI_ERR_OPTION_INVALID(path, otherwise)
    kind[1](path, value)
  }
}

const fine: Check = () => {}
const isBoolean = (value: unknown): boolean => typeof value === 'boolean'

const BOOLEAN = must('true or false', isBoolean)
const STRING = must('a non-empty string', isName)
const FUNCTION = must('a function', isFunction)
const POSITIVE_INTEGER = must('a positive integer', value => Number.isSafeInteger(value) && (value as number) > 0)
const NOT_NEGATIVE = must('a number of 0 or more', value => isNumber(value, 0, Number.MAX_VALUE))
const HEADER = must('a header name', value => typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value))
const ROUTE = must(
  'a route pattern that starts with /, such as /health, GET /health or /internal/*, or (unmatched) for requests without a route',
  value => typeof value === 'string' && /^(?:(?:[A-Z_-]+ )?(?:[/*]|\(unmatched\)$)|[A-Z_-]+\*$)/.test(value))
const CALL = must(
  'a host or a URL without its query, with * only at the beginning or end',
  value => typeof value === 'string' && /^(?:\*[^*?#\s]*|[^*?#\s]+\*?)$/.test(value))
const PROPERTY = must(
  'a string, a finite number or a boolean',
  value => value === undefined || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value))
const REDACT_PATH = must('a path in pino syntax, such as user.password or *.token', value => typeof value === 'string' && isRedactPath(value))

function isRedactPath (path: string): boolean {
  if (path.trim() === '') return false
  try {
    createRedact({ paths: [path] })({})
    return true
  } catch {
    return false
  }
}

const properties: Check = (path, value) => {
  if (!isObject(value)) throw new FAI_ERR_OPTION_INVALID(path, 'an object of strings, numbers and booleans')
  for (const [name, given] of Object.entries(value)) PROPERTY(readable(`${path}.${name}`), given)
}

const NAMES = list('an array of parameter names', STRING)
const REDACT_QUERY = 'an array of parameter names, { only: [...] } or true'

const REQUESTS: Shape<RequestOptions> = {
  redactQuery: either(REDACT_QUERY,
    [value => value === true, fine],
    [Array.isArray, NAMES],
    [isObject, required('only', NAMES, object<{ only: string[] }>(REDACT_QUERY, { only: NAMES }))]),
  success: FUNCTION,
  headers: list('an array of header names', HEADER),
  responseHeaders: list('an array of header names', HEADER),
  serverTiming: BOOLEAN,
  clientAddress: BOOLEAN,
  userAgent: BOOLEAN,
  enrich: FUNCTION
}
const LOGS: Shape<LogOptions> = { level: STRING, filter: FUNCTION, redact: list('an array of paths', REDACT_PATH), requestLogs: BOOLEAN, console: BOOLEAN }
const EXCEPTIONS: Shape<ExceptionOptions> = { clientErrors: BOOLEAN, uncaught: BOOLEAN }
const DEPENDENCIES: Shape<DependencyOptions> = {
  ignore: either('an array of hosts and URLs, or a function', [isFunction, fine], [Array.isArray, list('', CALL)]),
  propagate: either('true, false, an array of hosts and URLs, or a function', [isBoolean, fine], [isFunction, fine], [Array.isArray, list('', CALL)]),
  azureSdk: BOOLEAN,
  success: FUNCTION
}
const METRICS: Shape<MetricOptions> = {
  interval: must(`a number of milliseconds from 1 to ${LONGEST_WAIT}`, value => Number.isSafeInteger(value) && isNumber(value, 1, LONGEST_WAIT)),
  runtime: BOOLEAN,
  sdkStats: BOOLEAN
}
const ROUTES = list('an array of route patterns', ROUTE)
const IGNORE: Shape<IgnoreOptions> = { routes: ROUTES, keepFailures: BOOLEAN }

function switchable<Options> (shape: Shape<Options>): Check {
  const words = 'true, false or an object'
  return either(words, [isBoolean, fine], [isObject, object(words, shape)])
}

const OPTIONS: Shape<AppInsightsOptions> = {
  connectionString: must('a string', value => typeof value === 'string'),
  enabled: BOOLEAN,
  serviceName: STRING,
  properties,
  samplingRatio: must('a number from 0 to 1', value => isNumber(value, 0, 1)),
  tracesPerSecond: NOT_NEGATIVE,
  sampler: must('an OpenTelemetry sampler', value => has(value, 'shouldSample')),
  sampleAzureOnly: BOOLEAN,
  keepErrors: BOOLEAN,
  keepSlowerThan: NOT_NEGATIVE,
  ignore: either('an array of route patterns, { routes, keepFailures } or a function',
    [isFunction, fine],
    [Array.isArray, ROUTES],
    [isObject, required('routes', ROUTES, object('', IGNORE))]),
  baggage: either('true, false or an array of names', [isBoolean, fine], [Array.isArray, list('', STRING)]),
  requests: object('an object', REQUESTS),
  logs: switchable(LOGS),
  exceptions: switchable(EXCEPTIONS),
  dependencies: switchable(DEPENDENCIES),
  instrumentations: list('an array of OpenTelemetry instrumentations', must(
    'an OpenTelemetry instrumentation, such as new PgInstrumentation()',
    value => has(value, 'setTracerProvider', 'setMeterProvider', 'enable') && typeof (value as { instrumentationName?: unknown }).instrumentationName === 'string')),
  metrics: switchable(METRICS),
  credential: must('a TokenCredential, such as DefaultAzureCredential', value => has(value, 'getToken')),
  storageDirectory: must('a path or false', value => value === false || isName(value)),
  maxStorageBytes: POSITIVE_INTEGER,
  maxQueueSize: POSITIVE_INTEGER,
  closeTimeout: must(`a number of milliseconds from 0 to ${LONGEST_WAIT}`, value => isNumber(value, 0, LONGEST_WAIT)),
  worker: BOOLEAN,
  statsbeat: BOOLEAN,
  liveMetrics: BOOLEAN,
  spanProcessors: list('an array of OpenTelemetry span processors', must(
    'an OpenTelemetry span processor', value => has(value, 'onStart', 'onEnd', 'shutdown', 'forceFlush'))),
  logRecordProcessors: list('an array of OpenTelemetry log record processors', must(
    'an OpenTelemetry log record processor', value => has(value, 'onEmit', 'shutdown', 'forceFlush')))
}

// Options that Fastify itself reads.
const FASTIFY_OPTIONS = ['prefix', 'logLevel', 'logSerializers']
const checkOptions = object('a connection string or an object', OPTIONS, FASTIFY_OPTIONS)

/**
 * @returns a copy of the options
 * @throws FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN
 */
export function validated (given: unknown): AppInsightsOptions {
  const options = isObject(given) ? copied(given) as AppInsightsOptions : given as AppInsightsOptions
  checkOptions('', options)
  if (options.samplingRatio !== undefined && options.tracesPerSecond !== undefined) {
    throw new FAI_ERR_OPTION_INVALID('tracesPerSecond', 'omitted if samplingRatio is set')
  }
  return options
}

function copied (given: object): object {
  try {
    return { ...given }
  } catch {
    throw new FAI_ERR_OPTION_INVALID('options', 'an object whose properties can be read')
  }
}

/** A name from unknown code, shortened to one printable line. */
function readable (name: string): string {
  const text = name.toWellFormed().replaceAll(/\p{Cc}/gu, ' ')
  return text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME)}…` : text
}

/** Suggests the option that was probably meant, or lists all. */
function hint (name: string, known: string[]): string {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z]/g, '')
  const near = known.find(option => plain(option) === plain(name) || `${plain(option)}s` === plain(name) || plain(option) === `${plain(name)}s`)
  return near !== undefined ? `: did you mean ${near}?` : `: expected one of ${known.join(', ')}`
}

const ROUTE_CONFIG = object<RouteConfig>('true, false or { samplingRatio }', { samplingRatio: must('a number from 0 to 1', value => isNumber(value, 0, 1)) })

/** @throws FAI_ERR_OPTION_INVALID, FAI_ERR_OPTION_UNKNOWN */
export function checkRouteConfig (given: unknown): void {
  if (given !== undefined && !isBoolean(given)) ROUTE_CONFIG('config.appInsights', given)
}
