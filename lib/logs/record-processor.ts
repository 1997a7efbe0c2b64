/** A log record → the same with its operation's data, delivered at once or when the operation's sampling is decided. */
import { type Attributes, type Context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { LogRecordProcessor, SdkLogRecord } from '@opentelemetry/sdk-logs'
import type { Delivery, LineOrigin } from '../delivery'
import { OPERATION_NAME } from '../rows/attribute-names'
import { PROCESSED_EXCEPTION, markProcessed, markSampleRate } from '../rows/marks'
import { RowDecision, type Operation, operationOf, rateOf } from '../tracing/operation'
import { isOwn, ownSpan } from '../tracing/own-spans'
import { type Redactor, redactAttributes, redactRecord } from '../rows/redaction'
import { isException } from '../rows/record'
import { isForAzure } from '../tracing/span-processor'
import { foreignRecord } from './foreign-record'
import { type LineFormat, addMissing } from '../rows/line'

/** What a record doesn't say about its line. */
export interface LineNotes {
  /** The line as the logger wrote it, redacted. */
  readonly text: string
  /** The level as the logger's number. */
  readonly level: number
  /** Milliseconds since 1970, as written in the line. */
  readonly timestamp: number
  /** One object for all lines of a logger. */
  readonly format: LineFormat
}

export interface RecordTarget {
  /** Scope of the logger that makes the plugin's own records. */
  readonly scope: string
  readonly redactor: Redactor
  /** Properties of every row. */
  readonly properties: Attributes
  readonly delivery: Pick<Delivery, 'line' | 'record'>
  /** Counts exceptions for Live Metrics. */
  readonly live: { readonly isWatched: boolean, exception: (weight: number) => void } | undefined
  /** Counts an exception's row, which may represent several exceptions. */
  exception: ((weight: number) => void) | undefined
  /** Counts a row that sampling or `ignore` leaves out. */
  leaveOut: (operation: Operation | undefined) => void
}

/** Handles records of the plugin's own logger and of all other loggers of its provider. */
export class RecordProcessor implements LogRecordProcessor {
  /** Set just before the record of a whole line is emitted. */
  next: LineNotes | undefined
  readonly #target: RecordTarget
  readonly #origins = new WeakMap<LineFormat, LineOrigin>()

  constructor (target: RecordTarget) {
    this.#target = target
  }

  onEmit (record: SdkLogRecord, where: Context = ROOT_CONTEXT): void {
    const notes = this.next
    this.next = undefined
    const operation = operationOf(where)
    if (operation !== undefined) correlate(record, where, operation)
    if (notes === undefined) this.#take(record, where, operation)
    else this.#takeLine(record, notes, where, operation)
  }

  async forceFlush (): Promise<void> {}
  async shutdown (): Promise<void> {}

  #take (record: SdkLogRecord, where: Context, operation: Operation | undefined): void {
    const { properties, redactor, leaveOut } = this.#target
    const attributes = record.attributes as Attributes
    if (operation !== undefined) {
      attributes[OPERATION_NAME] = operation.name
      if (operation.attributes !== undefined) addMissing(attributes, operation.attributes)
    }
    addMissing(attributes, properties)
    redactRecord(record, redactor)
    if (operation === undefined) {
      if (isSampledOut(where)) leaveOut(operation)
      else this.#deliver(record, undefined)
      return
    }
    if (operation.decision === RowDecision.Keep) this.#deliver(record, operation)
    else if (!operation.buffer(() => this.#deliver(record, operation))) leaveOut(operation)
  }

  #deliver (record: SdkLogRecord, operation: Operation | undefined): void {
    const { scope, redactor, exception, live, delivery } = this.#target
    const sent = record.instrumentationScope.name.startsWith(scope) ? record : foreignRecord(record, redactor)
    const rate = rateOf(operation)
    markSampleRate(sent.attributes, rate)
    if (isException(sent.attributes as Attributes)) {
      const weight = 100 / (rate ?? 100)
      live?.exception(weight)
      exception?.(weight)
      if (exception !== undefined) markProcessed(sent.attributes, PROCESSED_EXCEPTION)
    }
    delivery.record(sent)
  }

  #takeLine (record: SdkLogRecord, notes: LineNotes, where: Context, operation: Operation | undefined): void {
    const { leaveOut } = this.#target
    if (operation === undefined) {
      if (isSampledOut(where)) leaveOut(operation)
      else this.#deliverLine(record, notes, undefined, undefined, undefined)
      return
    }
    const { name } = operation
    if (operation.decision === RowDecision.Keep) {
      this.#deliverLine(record, notes, operation, name, operation.attributes)
      return
    }
    // A copy, because attributes that are set later belong to later rows.
    const attributes = operation.attributes === undefined ? undefined : { ...operation.attributes }
    if (!operation.buffer(() => this.#deliverLine(record, notes, operation, name, attributes))) leaveOut(operation)
  }

  #deliverLine (record: SdkLogRecord, { text, level, timestamp, format }: LineNotes, operation: Operation | undefined, operationName: string | undefined, attributes: Attributes | undefined): void {
    const { redactor, delivery } = this.#target
    if (attributes !== undefined) redactAttributes(attributes, redactor)
    const { spanContext: span } = record
    delivery.line({
      text,
      timestamp,
      level,
      severityNumber: record.severityNumber!,
      origin: this.#originOf(format),
      traceId: span?.traceId,
      spanId: span?.spanId,
      operationName,
      rate: rateOf(operation),
      attributes
    })
  }

  #originOf (format: LineFormat): LineOrigin {
    let origin = this.#origins.get(format)
    if (origin === undefined) this.#origins.set(format, origin = { format, properties: this.#target.properties })
    return origin
  }
}

/** The active span may belong to another tracer and another trace. */
function correlate (record: SdkLogRecord, where: Context, operation: Operation): void {
  const span = ownSpan(where, operation).spanContext()
  if (record.spanContext !== span) record.spanContext = span
}

function isSampledOut (where: Context): boolean {
  const span = trace.getSpan(where)
  return span !== undefined && isOwn(span) && !isForAzure(span)
}
