/** Every option that the user can set, with its unit and default. Types only. */
import type { TokenCredential } from '@azure/core-auth'
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FastifyReply, FastifyRequest } from 'fastify'

export type PropertyValue = string | number | boolean
export type Properties = Record<string, PropertyValue>

/** The methods that every OpenTelemetry instrumentation has. */
export interface Instrumentation {
  instrumentationName: string
  setTracerProvider: (provider: TracerProvider) => void
  setMeterProvider: (provider: MeterProvider) => void
  enable: () => void
}

export interface RequestOptions {
  /**
   * URL parameters whose values are replaced by `REDACTED`, in addition to the built-in list (`sig`, `token`, `code`,
   * `password`, …). `{ only: [...] }` replaces that list; `true` redacts every parameter. Case, `-` and `_` don't matter.
   */
  redactQuery?: string[] | { only: string[] } | true
  /** Whether a status is a success. @default statusCode < 400 */
  success?: (statusCode: number, request: FastifyRequest) => boolean
  /** Request headers to send as `http.request.header.<name>`. Headers with credentials (`authorization`, `cookie`, …) are never sent. */
  headers?: string[]
  /** Response headers to send as `http.response.header.<name>`. `set-cookie` and the like are never sent. */
  responseHeaders?: string[]
  /**
   * Adds `Server-Timing: traceparent` to responses, so that a web page's telemetry joins the operation. If the app
   * allows an origin to read the response (CORS), that origin can read this header too. @default false
   */
  serverTiming?: boolean
  /** `false` leaves client addresses out of every row: `client_IP` is empty, and Azure can't look up a location. @default true */
  clientAddress?: boolean
  /** `false` leaves the caller's user agent out of every row. Azure derives browser and operating system from it. @default true */
  userAgent?: boolean
  /** Returns custom properties for the request's row; called once, when the request has ended. */
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
  /** The lowest level to send, by name. Can't bring back lines that the logger's own level suppresses. */
  level?: string
  /** Return `true` to send a line, `false` to leave it out. */
  filter?: (line: LogLine) => boolean
  /** Paths whose values are replaced by `[Redacted]`, in addition to the logger's own redaction, in pino's syntax. */
  redact?: string[]
  /** Also sends Fastify's own "incoming request" and "request completed". @default false */
  requestLogs?: boolean
  /** Also reports `console.debug`, `log`, `info`, `warn` and `error`, which still write where they did. @default false */
  console?: boolean
}

export interface ExceptionOptions {
  /** Also reports errors that lead to a 4xx response. @default false */
  clientErrors?: boolean
  /** Reports uncaught exceptions and unhandled rejections. The process still ends as it would without the plugin. @default true */
  uncaught?: boolean
}

export interface OutgoingCall {
  readonly method: string
  /** With its query, including secrets. */
  readonly url: string
}

export interface FinishedCall extends OutgoingCall {
  /** The response's status. */
  readonly status: number
}

export interface DependencyOptions {
  /**
   * Calls that aren't reported: hosts (`metadata.internal`, `*.example.org`, `localhost:3100`) or URLs without their
   * query (`https://api.example.org/health`, `https://api.example.org/poll*`), or a function.
   */
  ignore?: string[] | ((call: OutgoingCall) => boolean)
  /**
   * Which calls get trace headers (`traceparent` and those of the registered propagator): hosts or URLs as in `ignore`,
   * a function, or `false` for none. Calls without trace headers are still reported. @default true
   */
  propagate?: boolean | string[] | ((call: OutgoingCall) => boolean)
  /**
   * Reports calls of the Azure SDK that don't use HTTP, such as those of Service Bus and Event Hubs, and the messages it
   * processes, and adds the client's method name to its HTTP calls. @default true
   */
  azureSdk?: boolean
  /**
   * Whether a response is a success: a 404 may just mean "not there yet". Not called if there was no response, or only
   * part of one, which is always a failure. @default status < 400
   */
  success?: (call: FinishedCall) => boolean
}

export interface MetricOptions {
  /** How often metrics are sent, in milliseconds. @default 60000 */
  interval?: number
  /** Reports the process's event loop, heap, garbage collection, CPU and memory. @default true */
  runtime?: boolean
  /**
   * Reports how many rows were sent, dropped and retried to Azure's SDK stats workbook, every 15 minutes.
   * @default true; false if the endpoint is on this machine, `statsbeat` is false, or the environment variable APPLICATIONINSIGHTS_SDKSTATS_DISABLED is set
   */
  sdkStats?: boolean
}

export interface IgnoreOptions {
  /** Route patterns that start with `/` (`/health`, `GET /health`, `/internal/*`), or `(unmatched)`. */
  routes: string[]
  /** Sends the rows of ignored requests that fail. @default false */
  keepFailures?: boolean
}

/** The value of a route's `config.appInsights`, if it isn't a boolean. */
export interface RouteConfig {
  /** Share of this route's operations to send, from 0 to 1, instead of the instance's ratio. */
  samplingRatio: number
}

export interface AppInsightsOptions {
  /**
   * Identifies the resource that receives the rows. You'll find it on the resource's Overview page.
   * @default the environment variable APPLICATIONINSIGHTS_CONNECTION_STRING
   * @see https://learn.microsoft.com/azure/azure-monitor/app/connection-strings
   */
  connectionString?: string
  /** `false` sends nothing and needs no connection string; decorators still work. @default true, or false if the environment variable OTEL_SDK_DISABLED is `true` */
  enabled?: boolean
  /** Sets `cloud_RoleName` on every row. @default OTEL_SERVICE_NAME, the platform's name for the app, or the name in package.json */
  serviceName?: string
  /** Custom properties to add to every row, such as the deployment's name. */
  properties?: Properties
  /** Share of operations to send, from 0 to 1. Rows tell Azure how many they represent. @default 1 */
  samplingRatio?: number
  /** Sends about this many operations per second at most. Can't be combined with `samplingRatio`. */
  tracesPerSecond?: number
  /** An OpenTelemetry sampler to use instead of `samplingRatio` and `tracesPerSecond`. */
  sampler?: Sampler
  /** Samples only what goes to Azure: `spanProcessors` and `logRecordProcessors` get everything. @default false */
  sampleAzureOnly?: boolean
  /** Always sends failed requests and their logs, even if they are sampled out. @default false */
  keepErrors?: boolean
  /** Always sends requests that take longer than this many milliseconds, even if they are sampled out. */
  keepSlowerThan?: number
  /** Requests that aren't reported: route patterns, or a function. */
  ignore?: string[] | IgnoreOptions | ((request: FastifyRequest) => boolean)
  /** Entries of the caller's W3C baggage to add to the request's rows as custom properties: `true` for all, or a list of names. @default false */
  baggage?: boolean | string[]
  /** What `requests` rows contain. */
  requests?: RequestOptions
  /** Reports log lines as `traces` rows. @default true */
  logs?: boolean | LogOptions
  /** Reports errors as `exceptions` rows. @default true */
  exceptions?: boolean | ExceptionOptions
  /** Reports outgoing HTTP calls as `dependencies` rows, and adds trace headers to them. @default true */
  dependencies?: boolean | DependencyOptions
  /** OpenTelemetry instrumentations for databases, queues and so on, such as `new PgInstrumentation()`. */
  instrumentations?: Instrumentation[]
  /**
   * Application Insights' standard metrics, accurate even with sampling; `http.server.request.duration`; metrics of the
   * process and of delivery; `trackMetric` and `meter`. `false` turns all of them off. @default true
   */
  metrics?: boolean | MetricOptions
  /**
   * Live Metrics: requests, failures, durations, dependencies, CPU and memory in the portal within a second, while
   * somebody watches. @default true
   */
  liveMetrics?: boolean
  /** A Microsoft Entra ID credential to use in addition to the key, such as `DefaultAzureCredential`. */
  credential?: TokenCredential
  /** Folder for rows that wait during an outage; `false` stores nothing on disk. @default a private folder in the system's temporary folder */
  storageDirectory?: string | false
  /** Maximum size of that folder, in bytes. The oldest rows are dropped first. @default 52428800 */
  maxStorageBytes?: number
  /** Maximum number of rows waiting in memory. Further rows are dropped and counted. @default 100000 */
  maxQueueSize?: number
  /** How long `close()` waits for the last rows to be sent, in milliseconds. @default 5000 */
  closeTimeout?: number
  /** Sends from a worker thread, off the event loop. @default true */
  worker?: boolean
  /** `false` turns off Microsoft's own usage metrics, as far as the exporter allows. @default true */
  statsbeat?: boolean
  /** Additional destinations for spans, such as an OpenTelemetry Collector. */
  spanProcessors?: SpanProcessor[]
  /** Additional destinations for log records. */
  logRecordProcessors?: LogRecordProcessor[]
}
