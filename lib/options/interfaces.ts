/** What the user may give: every option, with its unit and default. Types only. */
import type { TokenCredential } from '@azure/core-auth'
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FastifyReply, FastifyRequest } from 'fastify'

export type PropertyValue = string | number | boolean
export type Properties = Record<string, PropertyValue>

/** What every instrumentation of OpenTelemetry has. */
export interface Instrumentation {
  instrumentationName: string
  setTracerProvider: (provider: TracerProvider) => void
  setMeterProvider: (provider: MeterProvider) => void
  enable: () => void
}

export interface RequestOptions {
  /**
   * Parameters of URLs whose values are replaced by `REDACTED`, beside the built-in list (`sig`, `token`, `code`,
   * `password`, …); `{ only: [...] }` instead of that list; `true` for every parameter. Case, `-` and `_` don't matter.
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
  /** `false` leaves client addresses out of every row: `client_IP` is empty, and Azure has no place to look up. @default true */
  clientAddress?: boolean
  /** `false` leaves the caller's user agent out of every row, from which Azure reads browser and operating system. @default true */
  userAgent?: boolean
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
  /** Keeps a line by returning true, drops it by returning false. */
  filter?: (line: LogLine) => boolean
  /** Paths whose values are replaced by `[Redacted]` on top of the logger's own redaction, in pino's notation. */
  redact?: string[]
  /** Sends Fastify's own "incoming request" and "request completed" too. @default false */
  requestLogs?: boolean
  /** `console.debug`, `log`, `info`, `warn` and `error` make rows too, and still write where they did. @default false */
  console?: boolean
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

export interface FinishedCall extends OutgoingCall {
  /** Of the answer. */
  readonly status: number
}

export interface DependencyOptions {
  /**
   * Calls that make no rows: hosts (`metadata.internal`, `*.example.org`, `localhost:3100`) or urls without their
   * query (`https://api.example.org/health`, `https://api.example.org/poll*`), or a function.
   */
  ignore?: string[] | ((call: OutgoingCall) => boolean)
  /**
   * Which calls carry trace headers (`traceparent` and what else is registered): hosts or urls as in `ignore`, a
   * function, or `false` for none. Calls that carry none are rows all the same. @default true
   */
  propagate?: boolean | string[] | ((call: OutgoingCall) => boolean)
  /**
   * Calls of the Azure SDK that are not HTTP, such as those of Service Bus and Event Hubs, and the messages that it
   * processes; HTTP calls carry the name of the client's method. @default true
   */
  azureSdk?: boolean
  /**
   * Whether an answer is a success: a 404 that says "not there yet" is not a failure. Not asked where no answer came,
   * or only a part of it: that is a failure. @default status < 400
   */
  success?: (call: FinishedCall) => boolean
}

export interface MetricOptions {
  /** Milliseconds between two sendings. @default 60000 */
  interval?: number
  /** Event loop, heap, garbage collection, CPU and memory of the process. @default true */
  runtime?: boolean
  /**
   * Counts of rows sent, dropped and retried for Azure's SDK stats workbook, every 15 minutes.
   * @default true; false where the endpoint is on this machine, `statsbeat` is false, or the environment variable APPLICATIONINSIGHTS_SDKSTATS_DISABLED is set
   */
  sdkStats?: boolean
}

export interface IgnoreOptions {
  /** Route patterns, which begin with `/` (`/health`, `GET /health`, `/internal/*`), or `(unmatched)`. */
  routes: string[]
  /** Keeps the row where the request failed. @default false */
  keepFailures?: boolean
}

/** What a route's `config.appInsights` may be, besides `false`. */
export interface RouteConfig {
  /** Share of this route's operations that is sent, instead of the instance's, from 0 to 1. */
  samplingRatio: number
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
  /**
   * Live Metrics: requests, failures, durations, dependencies, CPU and memory in the portal within a second, while
   * somebody watches. @default true
   */
  liveMetrics?: boolean
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
