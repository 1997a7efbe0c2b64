/** Finished spans and log records of one instance → enriched, sampled, and handed to delivery. */
import { type Span as ApiSpan, type Attributes, type Context, type Tracer, TraceFlags } from '@opentelemetry/api'
import { type LogRecord, type Logger, SeverityNumber } from '@opentelemetry/api-logs'
import { LoggerProvider, type LogRecordProcessor, type SdkLogRecord } from '@opentelemetry/sdk-logs'
import { NodeTracerProvider, type ReadableSpan, type Span, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { type CloseReport, type Delivery, type DeliveryStats, type FlushReport, createDelivery } from './delivery'
import { Fate, type Operation, kOperation, operationOf } from './operation'
import type { Config, Properties } from './options'
import { propertyName, propertyValue } from './properties'
import { type Redactor, createRedactor } from './redaction'
import { detectRole } from './role'
import { type Warn } from './warnings'
import { OperationSampler, SAMPLE_RATE, adaptiveRate, fixedRate } from './sampling'

const SCOPE = 'fastify-app-insights'
// Outside of lib, which is the compiler's root.
const { version } = require('../package.json') as { version: string }
const OPERATION_NAME = 'ai.operation.name'

// Above what a row may hold, so that no limit of the SDK's own drops a field in silence.
const LIMITS = { attributeCountLimit: 512 }

/** Something the user may call to see that nothing is lost. */
export interface Stats extends DeliveryStats {
  /** Rows that sampling or `ignore` kept from being sent. */
  readonly sampledOut: number
  /** Requests that have begun and not ended. */
  readonly openRequests: number
}

export interface SpanWithOperation { [kOperation]?: Operation }

export class Telemetry {
  readonly config: Config
  readonly redactor: Redactor
  readonly tracerProvider: NodeTracerProvider
  readonly tracer: Tracer
  /** Whether what is sampled out waits for its end. */
  readonly holds: boolean
  /** Operations of requests that have begun and not ended. */
  readonly open = new Set<Operation>()
  sampledOut = 0
  readonly #properties: Attributes
  readonly #delivery: Delivery
  readonly #logger: Logger
  readonly #loggerProvider: LoggerProvider
  readonly #extra: Array<{ shutdown: () => Promise<void>, forceFlush: () => Promise<void> }>
  readonly #warnOnce: Warn
  #closed: Promise<CloseReport> | undefined

  /** @param warn may be called often, @param warnOnce tells each trouble once */
  constructor (config: Config, warn: Warn, warnOnce: Warn) {
    const resource = detectRole(config.serviceName, process.env)
    this.config = config
    this.#warnOnce = warnOnce
    this.redactor = createRedactor(config.requests.redactQuery)
    this.holds = config.keepErrors || config.keepSlowerThan !== undefined
    this.#properties = toAttributes(config.properties)
    this.#delivery = createDelivery({
      connection: config.connection,
      resource,
      credential: config.credential,
      worker: config.worker,
      storageDirectory: config.storageDirectory,
      maxStorageBytes: config.maxStorageBytes,
      maxQueueSize: config.maxQueueSize,
      statsbeat: config.statsbeat,
      warn
    })
    this.#extra = [...config.spanProcessors, ...config.logRecordProcessors]
    const rate = config.tracesPerSecond === undefined ? fixedRate(config.samplingRatio) : adaptiveRate(config.tracesPerSecond)
    this.tracerProvider = new NodeTracerProvider({
      resource,
      sampler: new OperationSampler(rate, this.holds, config.sampler),
      spanLimits: LIMITS,
      spanProcessors: [this.#spans(), ...config.spanProcessors.map(processor => this.#guardSpans(processor))]
    })
    this.tracer = this.tracerProvider.getTracer(SCOPE, version)
    this.#loggerProvider = new LoggerProvider({
      resource,
      logRecordLimits: LIMITS,
      processors: [this.#records(), ...config.logRecordProcessors.map(processor => this.#guardRecords(processor))]
    })
    this.#logger = this.#loggerProvider.getLogger(SCOPE, version)
  }

  emit (record: LogRecord): void {
    this.#logger.emit(record)
  }

  event (context: Context, name: string, properties?: Properties, measurements?: Record<string, number>): void {
    const attributes = toAttributes(properties ?? {})
    attributes['microsoft.custom_event.name'] = String(name)
    if (measurements !== undefined) attributes['microsoft.custom_measurements'] = JSON.stringify(measurements)
    this.emit({ severityNumber: SeverityNumber.INFO, attributes, context })
  }

  /** Attributes of the request's row and of its children's: what the instance and the app have set. */
  enrich (span: ApiSpan, operation: Operation): void {
    span.setAttributes(this.#properties)
    if (operation.attributes !== undefined) span.setAttributes(operation.attributes)
  }

  async flush (): Promise<FlushReport> {
    await Promise.all(this.#extra.map(async processor => await this.#guarded(async () => await processor.forceFlush())))
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

  async #close (): Promise<CloseReport> {
    const shutdown = Promise.all(this.#extra.map(async processor => await this.#guarded(async () => await processor.shutdown())))
    const [report] = await Promise.all([this.#delivery.close(this.config.closeTimeout), bounded(shutdown, this.config.closeTimeout)])
    return report
  }

  /** The process is ending: blocks until what is pending is safe, at most for `closeTimeout`. */
  drainSync (): void {
    this.#delivery.drainSync(this.config.closeTimeout, true)
  }

  #spans (): SpanProcessor {
    const telemetry = this
    return {
      onStart (span: Span & SpanWithOperation, parent: Context) {
        const operation = operationOf(parent)
        if (operation === undefined) {
          span.setAttributes(telemetry.#properties)
          return
        }
        span[kOperation] = operation
        span.setAttribute(OPERATION_NAME, operation.name)
        telemetry.enrich(span, operation)
      },
      onEnd (span: ReadableSpan & SpanWithOperation) {
        const operation = span[kOperation]
        if (operation === undefined) {
          if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0) telemetry.#delivery.span(span)
          else telemetry.sampledOut++
          return
        }
        if (operation.fate === Fate.Kept) telemetry.#deliverSpan(span, operation)
        else if (!operation.hold(() => telemetry.#deliverSpan(span, operation))) telemetry.sampledOut++
      },
      async forceFlush () {},
      async shutdown () {}
    }
  }

  #deliverSpan (span: ReadableSpan, operation: Operation): void {
    // A row that is kept for certain stands for itself alone, whatever the sampler said at its start.
    if (operation.certain) delete span.attributes[SAMPLE_RATE]
    this.#delivery.span(span)
  }

  #records (): LogRecordProcessor {
    const telemetry = this
    return {
      onEmit (record: SdkLogRecord, context?: Context) {
        const operation = context === undefined ? undefined : operationOf(context)
        addMissing(record, telemetry.#properties)
        if (operation === undefined) {
          if (record.spanContext !== undefined && (record.spanContext.traceFlags & TraceFlags.SAMPLED) === 0) telemetry.sampledOut++
          else telemetry.#delivery.record(record)
          return
        }
        record.setAttribute(OPERATION_NAME, operation.name)
        if (operation.attributes !== undefined) addMissing(record, operation.attributes)
        if (operation.fate === Fate.Kept) telemetry.#delivery.record(record)
        else if (!operation.hold(() => telemetry.#delivery.record(record))) telemetry.sampledOut++
      },
      async forceFlush () {},
      async shutdown () {}
    }
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

  async #guarded (call: () => Promise<void>): Promise<void> {
    try {
      await call()
    } catch (error) {
      this.#warnOnce(`A processor of spanProcessors or logRecordProcessors failed: ${messageOf(error)}`)
    }
  }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The nearer source has the word: a field of the line, then the request, then the instance. */
function addMissing (record: SdkLogRecord, attributes: Attributes): void {
  for (const name in attributes) {
    if (!Object.hasOwn(record.attributes, name)) record.setAttribute(name, attributes[name])
  }
}

export function toAttributes (properties: Properties): Attributes {
  const attributes: Attributes = {}
  for (const [name, value] of Object.entries(properties)) attributes[propertyName(name)] = propertyValue(value)
  return attributes
}

async function bounded (work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise(resolve => { timer = setTimeout(resolve, milliseconds).unref() })])
  clearTimeout(timer)
}
