/** Options → one running instance: its providers, its delivery, its metrics, and their end. */
import { type Attributes, type Context, type Link, type Span, type SpanKind, type Tracer, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { LogRecord, Logger } from '@opentelemetry/api-logs'
import { ParentBasedSampler, type ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { monotonic } from './clock'
import { type CloseReport, type Delivery, type DeliveryStats, type FlushReport, createDelivery } from './delivery'
import type { Exceptions } from './exceptions'
import type { WholeLine } from './logs/line-reporter'
import { RecordProcessor } from './logs/record-processor'
import { Severity } from './rows/severity'
import { Metrics } from './metrics'
import { type AvailabilityResult, availabilityRecord } from './logs/availability'
import { eventRecord } from './logs/event'
import type { Config, Properties } from './options'
import { toAttributes } from './rows/properties'
import { type Redactor, createRedactor, redactAttributes, redactMetrics } from './rows/redaction'
import type { Warn } from './warnings'
import { context } from './tracing/context'
import { type Destinations, SPAN_EVENTS_SCOPE, bounded, createDestinations } from './tracing/destinations'
import { LiveCounters } from './live-metrics/counters'
import { OpenOperations } from './tracing/open-operations'
import { type Operation, operationOfSpan } from './tracing/operation'
import { addOwnResource } from './tracing/own-spans'
import { type Providers, createProviders, limitsOf } from './tracing/providers'
import { onRecordedException } from './tracing/recorded-exceptions'
import { detectRole, roleOf } from './tracing/resource'
import { OperationSampler, RateSampler, adaptiveRate, fixedRate } from './tracing/sampler'
import { createSpanProcessor } from './tracing/span-processor'
import { OperationTracer } from './tracing/tracer'

// Outside of lib, which is the compiler's root.
const { version } = require('../package.json') as { version: string }
const VERSION = `node${process.versions.node}:fai${version}`
const SCOPE = 'fastify-app-insights'

/** Counts that show what happened to every row. */
export interface Stats extends DeliveryStats {
  /** Rows not sent because of sampling. */
  readonly sampledOut: number
  /** Rows not sent because `ignore`, or the route, excludes their request. */
  readonly ignored: number
  /** Requests that have started but not ended. */
  readonly openRequests: number
}

export class Instance {
  readonly config: Config
  readonly redactor: Redactor
  /** Whether rows that are sampled out are buffered until their operation ends. */
  readonly buffers: boolean
  /** Operations of requests that have started but not ended. */
  readonly open = new OpenOperations()
  sampledOut = 0
  ignored = 0
  /** Undefined if metrics are off. */
  readonly metrics: Metrics | undefined
  /** Undefined if Live Metrics are off. */
  readonly live: LiveCounters | undefined
  readonly providers: Providers
  /** Its spans belong to the active operation. */
  readonly tracer: Tracer
  /** Whether log lines may go through `line()`, because no other destination needs their fields. */
  readonly takesLines: boolean
  /** Undefined if errors aren't reported as rows. */
  readonly exceptions: Exceptions | undefined
  /** Used by `trackException`, even if `exceptions` is undefined. */
  readonly #tracked: Exceptions
  readonly #properties: Attributes
  /** `cloud_RoleInstance` of every row. */
  readonly #instance: string
  readonly #delivery: Delivery
  readonly #destinations: Destinations
  readonly #records: RecordProcessor
  readonly #logger: Logger
  #closed: Promise<CloseReport> | undefined

  /** @param warn logs every call, @param warnOnce logs each problem once */
  constructor (config: Config, warn: Warn, warnOnce: Warn, exceptionsOf: (instance: Instance) => Exceptions) {
    const role = detectRole(config.serviceName, process.env)
    this.config = config
    this.redactor = createRedactor(config.requests.redactQuery)
    this.buffers = config.keepErrors || config.keepSlowerThan !== undefined
    this.#properties = toAttributes(config.properties)
    redactAttributes(this.#properties, this.redactor)
    const live = this.live = config.liveMetrics && config.connection.liveEndpoint !== undefined ? new LiveCounters() : undefined
    const roleName = roleOf(role)
    const instance = this.#instance = String(role.attributes['service.instance.id'])
    this.#delivery = createDelivery({
      ...config,
      resource: role,
      warn,
      live: live && (() => ({ role: roleName, instance, version: VERSION, counters: live.buffer }))
    })
    this.metrics = config.metrics === false
      ? undefined
      : new Metrics({
        ...config.metrics,
        resource: role,
        properties: this.#properties,
        role: roleName,
        instance,
        deliver: metrics => {
          redactMetrics(metrics, this.redactor)
          this.#delivery.metrics(metrics)
        },
        stats: () => this.#delivery.stats(),
        sampledOut: () => this.sampledOut,
        warn: warnOnce,
        version
      })
    this.#destinations = createDestinations(config.spanProcessors, config.logRecordProcessors)
    this.#records = this.#recordProcessor()
    this.providers = createProviders(role, this.#sampler(), [this.#spanProcessor(), ...this.#destinations.spanProcessors], [this.#records, ...this.#destinations.logRecordProcessors])
    const { resource, tracerProvider, loggerProvider } = this.providers
    this.tracer = new OperationTracer(tracerProvider.getTracer(SCOPE, version))
    this.#logger = loggerProvider.getLogger(SCOPE, version)
    const limits = limitsOf('LOGRECORD')
    this.takesLines = config.logRecordProcessors.length === 0 && limits.valueLength === Infinity && limits.count > 0
    this.#tracked = exceptionsOf(this)
    this.exceptions = config.exceptions === false ? undefined : this.#tracked
    addOwnResource(resource)
    onRecordedException(resource, (span, error) => {
      this.exceptions?.record(span, error, trace.setSpan(operationOfSpan(span)?.context ?? context.active(), span))
    })
  }

  /** @param startTime on the clock of `performance.now()`, if the span started earlier */
  startSpan (name: string, kind: SpanKind, parent: Context, attributes?: Attributes, links?: Link[], startTime?: number): Span {
    return this.tracer.startSpan(name, { kind, attributes, links, startTime }, parent)
  }

  /** For events, exceptions, and log lines that had to be parsed here. */
  emit (record: LogRecord): void {
    this.#logger.emit(record)
  }

  /** For log lines that are parsed only before they are sent. */
  line (line: WholeLine, where: Context): void {
    const { message, severityNumber, timestamp } = line
    this.#records.next = line
    this.#logger.emit({ context: where, timestamp, severityNumber, body: message })
    this.#records.next = undefined
  }

  event (where: Context, name: string, properties?: Properties, measurements?: Record<string, number>): void {
    this.emit(eventRecord(where, name, properties, measurements))
  }

  availability (where: Context, result: AvailabilityResult): void {
    this.emit(availabilityRecord(where, result, this.#instance))
  }

  trackException (where: Context, error: unknown, properties?: Properties): void {
    this.#tracked.report({ error, context: where, severity: Severity.ERROR, attributes: toAttributes(properties) })
  }

  /** Adds the properties of the instance and of the operation to the operation's span. */
  enrich (span: Span, operation: Operation): void {
    // Written directly, because this runs for every request and the values are already checked.
    if (span.isRecording()) Object.assign((span as unknown as ReadableSpan).attributes, this.#properties, operation.attributes)
  }

  async flush (): Promise<FlushReport> {
    // Bounded, because the app's own processors may be slow.
    await this.#destinations.flush(this.config.closeTimeout)
    this.#tracked.drain()
    await this.#sendMetrics(this.config.closeTimeout)
    return await this.#delivery.flush()
  }

  stats (): Stats {
    return { ...this.#delivery.stats(), sampledOut: this.sampledOut, ignored: this.ignored, openRequests: this.open.size }
  }

  /** Sends what it can within `closeTimeout` and releases everything. A second call returns the first one's promise. */
  close (): Promise<CloseReport> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** The process is ending: blocks until pending rows are sent or stored, for at most `closeTimeout` or `atMost` milliseconds. */
  drainSync (atMost: number): void {
    this.#tracked.drain()
    this.metrics?.sendSync(true)
    this.#delivery.drainSync(Math.min(this.config.closeTimeout, atMost), true)
  }

  /** Bounded, because the app's instruments may answer late, or never. */
  async #sendMetrics (timeout: number): Promise<void> {
    if (this.metrics !== undefined) await bounded(this.metrics.send(), timeout)
  }

  async #close (): Promise<CloseReport> {
    const { closeTimeout } = this.config
    const deadline = monotonic() + closeTimeout
    this.metrics?.stop()
    this.#tracked.drain()
    // Most of the time is for the rows.
    await this.#sendMetrics(closeTimeout / 4)
    const left = Math.max(0, deadline - monotonic())
    const [report] = await Promise.all([this.#delivery.close(left), this.#destinations.shutdown(left)])
    return report
  }

  #leaveOut (operation: Operation | undefined): void {
    if (operation === undefined) this.sampledOut++
    else operation.leaveOut()
  }

  #sampler (): OperationSampler {
    const { sampler, tracesPerSecond, samplingRatio, followCaller, sampleAzureOnly } = this.config
    const root = sampler ?? new RateSampler(tracesPerSecond === undefined ? fixedRate(samplingRatio) : adaptiveRate(tracesPerSecond))
    return new OperationSampler(followCaller ? new ParentBasedSampler({ root }) : root, this.buffers, sampleAzureOnly)
  }

  #spanProcessor (): ReturnType<typeof createSpanProcessor> {
    return createSpanProcessor({
      longest: limitsOf('SPAN').valueLength,
      properties: this.#properties,
      redactor: this.redactor,
      deliver: span => this.#delivery.span(span),
      event: ({ name, time, attributes }, span, operation) => {
        this.providers.loggerProvider.getLogger(SPAN_EVENTS_SCOPE).emit({
          context: trace.setSpan(operation?.context ?? ROOT_CONTEXT, span as unknown as Span),
          timestamp: time,
          body: name,
          severityNumber: Severity.INFO,
          attributes: toAttributes(attributes)
        })
      },
      leaveOut: operation => this.#leaveOut(operation),
      live: this.live,
      seesAll: this.buffers || this.config.sampleAzureOnly
    })
  }

  #recordProcessor (): RecordProcessor {
    const { metrics, live } = this
    return new RecordProcessor({
      scope: SCOPE,
      redactor: this.redactor,
      properties: this.#properties,
      delivery: this.#delivery,
      live,
      exception: metrics === undefined ? undefined : weight => metrics.exception(weight),
      leaveOut: operation => this.#leaveOut(operation)
    })
  }
}
