/** Finished spans and log records of one instance → enriched, sampled, and handed to delivery. */
import {
  type Attributes, type Context, type Exception, type Link, type Span as ApiSpan, type SpanContext, type TimeInput, type Tracer, type TracerProvider,
  INVALID_SPAN_CONTEXT, ROOT_CONTEXT, SpanKind, TraceFlags, context, isSpanContextValid, trace
} from '@opentelemetry/api'
import type { LogRecord, Logger, SeverityNumber } from '@opentelemetry/api-logs'
import type { LogRecordProcessor, ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { type CloseReport, type Delivery, type DeliveryStats, type FlushReport, type LineOrigin, createDelivery } from '../delivery'
import type { Exceptions } from '../exceptions'
import { newSpanId, newTraceId } from './ids'
import { type LineFormat, addMissing } from '../logs/line'
import { OPERATION_NAME, RECORD_PROCESSED, RECORD_RATE } from '../rows/attribute-names'
import { type Metrics, PROCESSED_EXCEPTION, createMetrics } from '../metrics'
import { Fate, type Operation, kOperation, operationOf } from './operation'
import type { Config, Properties } from '../options'
import { nameOf } from '../rows/hostile'
import { cut, toAttributes, toMeasurements } from '../rows/properties'
import { type Redactor, createRedactor } from '../rows/redaction'
import { type Role, detectRole, roleOf } from './resource'
import { Decision, OperationSampler, SAMPLE_RATE, adaptiveRate, fixedRate } from './sampler'
import type { Sdk } from './sdk'
import { Severity } from '../logs/severity'
import { LeanSpan, type SpanOwner } from './span'
import { hrTimeOf } from './time'
import { isTracingSuppressed } from './trace-context'
import { type Warn, messageOf } from '../warnings'

// Outside of lib, which is the compiler's root.
const { version } = require('../../package.json') as { version: string }
const SCOPE = Object.freeze({ name: 'fastify-app-insights', version })
const SILENT_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
const MAX_EVENT_NAME = 512

/** Something the user may call to see that nothing is lost. */
export interface Stats extends DeliveryStats {
  /** Rows that sampling or `ignore` kept from being sent. */
  readonly sampledOut: number
  /** Requests that have begun and not ended. */
  readonly openRequests: number
}

/** A log line as it was written, redacted. */
export interface WholeLine {
  readonly text: string
  /** Milliseconds since 1970. */
  readonly timestamp: number
  /** The logger's value. */
  readonly level: number
  readonly severityNumber: SeverityNumber
  /** The same object for all lines of a logger. */
  readonly format: LineFormat
}

export interface SpanWithOperation { [kOperation]?: Operation }

const kTelemetry = Symbol('fastify-app-insights.telemetry')
interface OurSpan extends Span, SpanWithOperation { [kTelemetry]?: Telemetry }

export class Telemetry {
  readonly config: Config
  readonly redactor: Redactor
  /** Whether what is sampled out waits for its end. */
  readonly holds: boolean
  /** Operations of requests that have begun and not ended. */
  readonly open = new Set<Operation>()
  sampledOut = 0
  /** undefined where they are off. */
  readonly metrics: Metrics | undefined
  /** Where `recordException` of a span goes; undefined where errors are no rows. */
  exceptions: Exceptions | undefined = undefined
  /** Where `trackException` goes. */
  tracked: Exceptions | undefined = undefined
  /** Whether log lines may go by `line()`: nobody else wants their records. */
  readonly takesLines: boolean
  readonly #properties: Attributes
  readonly #sampler: OperationSampler
  readonly #spanOwner: SpanOwner
  readonly #spanProcessors: readonly SpanProcessor[]
  readonly #origins = new WeakMap<LineFormat, LineOrigin>()
  readonly #delivery: Delivery
  /** Only where somebody else wants the records too. */
  readonly #logger: Logger | undefined
  readonly #role: Role
  #sdk: Sdk | undefined
  readonly #extra: Array<{ shutdown: () => Promise<void>, forceFlush: () => Promise<void> }>
  readonly #warnOnce: Warn
  #closed: Promise<CloseReport> | undefined

  /** @param warn may be called often, @param warnOnce tells each trouble once */
  constructor (config: Config, warn: Warn, warnOnce: Warn) {
    const role = detectRole(config.serviceName, process.env)
    this.#role = role
    this.config = config
    this.#warnOnce = warnOnce
    this.redactor = createRedactor(config.requests.redactQuery)
    this.holds = config.keepErrors || config.keepSlowerThan !== undefined
    this.takesLines = config.logRecordProcessors.length === 0
    this.#properties = toAttributes(config.properties)
    this.#delivery = createDelivery({
      connection: config.connection,
      resource: role,
      credential: config.credential,
      worker: config.worker,
      storageDirectory: config.storageDirectory,
      maxStorageBytes: config.maxStorageBytes,
      maxQueueSize: config.maxQueueSize,
      statsbeat: config.statsbeat,
      warn
    })
    this.metrics = config.metrics === false
      ? undefined
      : createMetrics({
        ...config.metrics,
        resource: role,
        properties: this.#properties,
        role: roleOf(role),
        instance: String(role.attributes['service.instance.id']),
        deliver: metrics => this.#delivery.metrics(metrics),
        stats: () => this.#delivery.stats(),
        sampledOut: () => this.sampledOut
      })
    this.#extra = [...config.spanProcessors, ...config.logRecordProcessors]
    const rate = config.tracesPerSecond === undefined ? fixedRate(config.samplingRatio) : adaptiveRate(config.tracesPerSecond)
    this.#sampler = new OperationSampler(rate, this.holds, config.sampler)
    const others = config.spanProcessors.map(processor => this.#guardSpans(processor))
    const telemetry = this
    this.#spanOwner = {
      get resource () { return telemetry.#getSdk().resource },
      instrumentationScope: SCOPE,
      onEnd: span => {
        this.#ended(span)
        for (const other of others) other.onEnd(span)
      },
      onException: (span, exception) => this.reportException(span, exception)
    }
    this.#spanProcessors = others
    this.#logger = this.takesLines ? undefined : this.#createLogger(config.logRecordProcessors)
  }

  /** For the app and for other instrumentations. */
  get tracerProvider (): TracerProvider {
    return this.#getSdk().tracerProvider
  }

  get tracer (): Tracer {
    return this.tracerProvider.getTracer(SCOPE.name, SCOPE.version)
  }

  #getSdk (): Sdk {
    if (this.#sdk === undefined) {
      const { createSdk } = require('./sdk') as typeof import('./sdk')
      this.#sdk = createSdk(this.#role, this.#sampler, [this.#spans(), ...this.#spanProcessors])
    }
    return this.#sdk
  }

  /**
   * What `tracer.startSpan()` does, for the spans that are ours.
   * @param attributes and @param links are the span's from now on
   */
  startSpan (name: string, kind: SpanKind, parent: Context, attributes: Attributes = {}, links: Link[] = []): ApiSpan {
    if (isTracingSuppressed(parent)) return SILENT_SPAN
    const known = trace.getSpanContext(parent)
    const caller = known !== undefined && isSpanContextValid(known) ? known : undefined
    const traceId = caller?.traceId ?? newTraceId()
    const sampled = this.#sampler.shouldSample(parent, traceId, name, kind, attributes, links)
    const spanContext: SpanContext = {
      traceId,
      spanId: newSpanId(),
      traceFlags: sampled.decision === Decision.Sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
      traceState: sampled.traceState ?? caller?.traceState
    }
    if (sampled.decision === Decision.Dropped) return trace.wrapSpanContext(spanContext)
    Object.assign(attributes, sampled.attributes)
    const span: LeanSpan & SpanWithOperation = new LeanSpan(this.#spanOwner, name, kind, spanContext, caller, attributes, links)
    // A request begins an operation of its own, even within another.
    this.#place(span, kind === SpanKind.SERVER ? undefined : operationOf(parent))
    for (const processor of this.#spanProcessors) processor.onStart(span, parent)
    return span
  }

  /** What has a body of its own: events, exceptions, and log lines that had to be looked into. */
  emit (record: LogRecord): void {
    if (this.#logger !== undefined) return this.#logger.emit(record)
    const { context: where = context.active(), timestamp, severityNumber, body, attributes } = record
    const hrTime = hrTimeOf(timestamp ?? Date.now())
    this.#take({
      hrTime,
      hrTimeObserved: hrTime,
      spanContext: trace.getSpanContext(where),
      severityNumber,
      body,
      attributes: { ...attributes },
      resource: this.#role as ReadableLogRecord['resource'],
      instrumentationScope: SCOPE,
      droppedAttributesCount: 0
    }, where)
  }

  /** A log line that becomes a record only where it is sent from. */
  line (line: WholeLine, operation: Operation | undefined, where: Context): void {
    const span = trace.getSpanContext(where)
    if (operation === undefined) {
      if (span !== undefined && (span.traceFlags & TraceFlags.SAMPLED) === 0) this.sampledOut++
      else this.#deliverLine(line, undefined, span, undefined)
      return
    }
    if (operation.fate === Fate.Kept) {
      this.#deliverLine(line, operation, span, operation.attributes)
      return
    }
    // As they are now: what is set later belongs to later rows.
    const attributes = operation.attributes === undefined ? undefined : { ...operation.attributes }
    if (!operation.hold(() => this.#deliverLine(line, operation, span, attributes))) this.sampledOut++
  }

  #deliverLine ({ text, timestamp, level, severityNumber, format }: WholeLine, operation: Operation | undefined, span: SpanContext | undefined, attributes: Attributes | undefined): void {
    let origin = this.#origins.get(format)
    if (origin === undefined) this.#origins.set(format, origin = { format, properties: this.#properties })
    this.#delivery.line({ text, timestamp, level, severityNumber, origin, traceId: span?.traceId, spanId: span?.spanId, operationName: operation?.name, rate: rateOf(operation), attributes })
  }

  event (context: Context, name: string, properties?: Properties, measurements?: Record<string, number>): void {
    const attributes = toAttributes(properties)
    const numbers = toMeasurements(measurements)
    if (numbers !== undefined) attributes['microsoft.custom_measurements'] = numbers
    // Without a name it would be a trace.
    attributes['microsoft.custom_event.name'] = cut(nameOf(name), MAX_EVENT_NAME)
    this.emit({ severityNumber: Severity.INFO, attributes, context })
  }

  trackException (context: Context, error: unknown, properties?: Properties): void {
    this.tracked?.report({ error, context, severity: Severity.ERROR, attributes: toAttributes(properties) })
  }

  /** Attributes of the request's row: what the instance and the app have set. */
  enrich (span: ApiSpan, operation: Operation): void {
    if (span instanceof LeanSpan) span.assign(this.#properties, operation.attributes)
    else span.setAttributes({ ...this.#properties, ...operation.attributes })
  }

  async flush (): Promise<FlushReport> {
    // Another destination may be slow: Azure's rows do not wait for it without end.
    await bounded(Promise.all(this.#extra.map(async processor => await this.#guarded(async () => await processor.forceFlush()))), this.config.closeTimeout)
    this.tracked?.drain()
    await this.#sendMetrics()
    return await this.#delivery.flush()
  }

  stats (): Stats {
    return { ...this.#delivery.stats(), sampledOut: this.sampledOut, openRequests: this.open.size }
  }

  /** Sends what is pending within `closeTimeout` and lets go of everything. The second call waits for the first. */
  close (): Promise<CloseReport> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #sendMetrics (): Promise<void> {
    // An instrument of the app's may answer late, or never.
    if (this.metrics !== undefined) await bounded(this.#guarded(async () => await this.metrics!.send(), 'Metrics could not be collected'), this.config.closeTimeout)
  }

  async #close (): Promise<CloseReport> {
    this.metrics?.stop()
    this.tracked?.drain()
    await this.#sendMetrics()
    const shutdown = Promise.all(this.#extra.map(async processor => await this.#guarded(async () => await processor.shutdown())))
    const [report] = await Promise.all([this.#delivery.close(this.config.closeTimeout), bounded(shutdown, this.config.closeTimeout)])
    return report
  }

  /** The process is ending: blocks until what is pending is safe, at most for `closeTimeout`, or for `atMost` milliseconds. */
  drainSync (atMost: number): void {
    this.tracked?.drain()
    this.metrics?.sendSync()
    this.#delivery.drainSync(Math.min(this.config.closeTimeout, atMost), true)
  }

  #spans (): SpanProcessor {
    const telemetry = this
    return {
      onStart (span: OurSpan, parent: Context) {
        span[kTelemetry] = telemetry
        span.recordException = recordException
        telemetry.#place(span, operationOf(parent))
      },
      onEnd: (span: ReadableSpan & SpanWithOperation) => this.#ended(span),
      async forceFlush () {},
      async shutdown () {}
    }
  }

  #place (span: ReadableSpan & SpanWithOperation, operation: Operation | undefined): void {
    if (operation === undefined) {
      Object.assign(span.attributes, this.#properties)
      return
    }
    span[kOperation] = operation
    span.attributes[OPERATION_NAME] = operation.name
    Object.assign(span.attributes, this.#properties, operation.attributes)
  }

  #ended (span: ReadableSpan & SpanWithOperation): void {
    const operation = span[kOperation]
    redactUrls(span, this.redactor)
    if (operation === undefined) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) this.#deliverSpan(span)
      else this.sampledOut++
      return
    }
    if (operation.fate === Fate.Kept) this.#deliverSpan(span, operation)
    else if (!operation.hold(() => this.#deliverSpan(span, operation))) this.sampledOut++
  }

  /** What `recordException` of a span was given. */
  reportException (span: ApiSpan & SpanWithOperation, exception: Exception): void {
    this.exceptions?.record(span, exception, trace.setSpan(span[kOperation]?.context ?? context.active(), span))
  }

  #deliverSpan (span: ReadableSpan, operation?: Operation): void {
    // A row that is kept for certain stands for itself alone, whatever the sampler said at its start.
    if (operation?.certain === true) delete span.attributes[SAMPLE_RATE]
    if (span.events.length === 0) {
      this.#delivery.span(span)
      return
    }
    // The exporter's rows of events have no operation name. Other destinations keep the span as it is.
    const { name, kind, parentSpanContext, startTime, duration, status, attributes, links } = span
    this.#delivery.span({ spanContext: () => span.spanContext(), name, kind, parentSpanContext, startTime, duration, status, attributes, links, events: [] })
    const where = trace.setSpanContext(operation?.context ?? ROOT_CONTEXT, span.spanContext())
    for (const { name, time, attributes } of span.events) {
      // recordException has reported it.
      if (name !== 'exception') this.emit({ context: where, timestamp: time, body: name, severityNumber: Severity.INFO, attributes: toAttributes(attributes) })
    }
  }

  #deliverRecord (record: ReadableLogRecord, operation?: Operation): void {
    const rate = rateOf(operation)
    if (rate !== undefined) record.attributes[RECORD_RATE] = rate
    if (this.metrics !== undefined && record.attributes['exception.type'] !== undefined) {
      this.metrics.exception(100 / (rate ?? 100))
      record.attributes[RECORD_PROCESSED] = PROCESSED_EXCEPTION
    }
    this.#delivery.record(record)
  }

  #take (record: ReadableLogRecord, where: Context): void {
    const operation = operationOf(where)
    if (operation === undefined) {
      addMissing(record.attributes as Attributes, this.#properties)
      if (record.spanContext !== undefined && (record.spanContext.traceFlags & TraceFlags.SAMPLED) === 0) this.sampledOut++
      else this.#deliverRecord(record)
      return
    }
    record.attributes[OPERATION_NAME] = operation.name
    if (operation.attributes !== undefined) addMissing(record.attributes as Attributes, operation.attributes)
    addMissing(record.attributes as Attributes, this.#properties)
    if (operation.fate === Fate.Kept) this.#deliverRecord(record, operation)
    else if (!operation.hold(() => this.#deliverRecord(record, operation))) this.sampledOut++
  }

  /** Ours is the first of the processors. */
  #createLogger (others: readonly LogRecordProcessor[]): Logger {
    const own: LogRecordProcessor = {
      onEmit: (record, where = ROOT_CONTEXT) => this.#take(record, where),
      forceFlush: async () => {},
      shutdown: async () => {}
    }
    return this.#getSdk().createLoggerProvider([own, ...others.map(processor => this.#guardRecords(processor))]).getLogger(SCOPE.name, SCOPE.version)
  }

  // A destination of the user's must not disturb ours.
  #guardSpans (processor: SpanProcessor): SpanProcessor {
    return {
      onStart: (span, parent) => this.#try(() => processor.onStart(span, parent)),
      onEnd: span => this.#try(() => processor.onEnd(span)),
      forceFlush: async () => {},
      shutdown: async () => {}
    }
  }

  #guardRecords (processor: LogRecordProcessor): LogRecordProcessor {
    return {
      onEmit: (record, context) => this.#try(() => processor.onEmit(record, context)),
      forceFlush: async () => {},
      shutdown: async () => {}
    }
  }

  #try (call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#warnOnce(`A processor of spanProcessors or logRecordProcessors failed: ${messageOf(error)}`)
    }
  }

  async #guarded (call: () => Promise<void>, trouble = 'A processor of spanProcessors or logRecordProcessors failed'): Promise<void> {
    try {
      await call()
    } catch (error) {
      this.#warnOnce(`${trouble}: ${messageOf(error)}`)
    }
  }
}

// One function for all spans.
function recordException (this: OurSpan, exception: Exception, time?: TimeInput): void {
  Object.getPrototypeOf(this).recordException.call(this, exception, time)
  const telemetry = this[kTelemetry]
  if (this.isRecording()) telemetry?.reportException(this, exception)
}

/** In percent, where a row of the operation stands for more than itself. */
function rateOf (operation: Operation | undefined): number | undefined {
  if (operation === undefined || operation.certain) return undefined
  const rate = (operation.span as Partial<ReadableSpan>).attributes?.[SAMPLE_RATE] as number | undefined
  return rate !== undefined && rate < 100 ? rate : undefined
}

const URLS = ['url.full', 'url.query', 'url.path', 'http.url', 'http.target']

/** What instrumentations of the app's have written. */
function redactUrls ({ attributes }: ReadableSpan, redactor: Redactor): void {
  for (const name of URLS) {
    const value = attributes[name]
    if (typeof value !== 'string') continue
    // A query stands there without its question mark.
    attributes[name] = name === 'url.query' && !value.startsWith('?') ? redactor.url(`?${value}`).slice(1) : redactor.url(value)
  }
}

async function bounded (work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise(resolve => { timer = setTimeout(resolve, milliseconds).unref() })])
  clearTimeout(timer)
}
