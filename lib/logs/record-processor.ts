/** A log record → what its operation gives it, and delivery, at once or when its operation is decided. */
import { type Attributes, type Context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { LogRecordProcessor, SdkLogRecord } from '@opentelemetry/sdk-logs'
import type { Delivery, LineOrigin } from '../delivery'
import { PROCESSED_EXCEPTION } from '../metrics'
import { OPERATION_NAME } from '../rows/attribute-names'
import { markProcessed, markSampleRate } from '../rows/marks'
import { Fate, type Operation, operationOf, rateOf } from '../tracing/operation'
import { isOwn, ownSpan } from '../tracing/own-spans'
import { type Redactor, redactAttributes, redactRecord } from '../rows/redaction'
import { isForAzure } from '../tracing/span-processor'
import { foreignRecord } from './foreign-record'
import { type LineFormat, addMissing } from './line'

/** The line as it was written, redacted. @see https://opentelemetry.io/docs/specs/semconv/general/logs/ */
export const ORIGINAL_LINE = 'log.record.original'

/** What the attributes of a line's record do not say of it. */
export interface LineNotes {
  /** The logger's value. */
  readonly level: number
  /** Milliseconds since 1970, as they stand in it. */
  readonly timestamp: number
  /** The same object for all lines of a logger. */
  readonly format: LineFormat
}

export interface RecordTarget {
  /** Of the logger that our own records come from. */
  readonly scope: string
  readonly redactor: Redactor
  /** Of every row. */
  readonly properties: Attributes
  readonly delivery: Pick<Delivery, 'line' | 'record'>
  /** Counts a row that is an exception, or stands for several. */
  exception: ((weight: number) => void) | undefined
  /** Sampling, or `ignore`, has kept a row from being sent. */
  leaveOut: (operation: Operation | undefined) => void
}

export interface RecordProcessor extends LogRecordProcessor {
  /** Of the line whose record is emitted next: it is taken apart where it is sent from. */
  next: LineNotes | undefined
}

export function createRecordProcessor ({ scope, redactor, properties, delivery, exception, leaveOut }: RecordTarget): RecordProcessor {
  const origins = new WeakMap<LineFormat, LineOrigin>()

  function onEmit (record: SdkLogRecord, where: Context = ROOT_CONTEXT): void {
    const notes = processor.next
    processor.next = undefined
    const operation = operationOf(where)
    if (operation !== undefined) correlate(record, where, operation)
    if (notes === undefined) take(record, where, operation)
    else takeLine(record, notes, where, operation)
  }

  function take (record: SdkLogRecord, where: Context, operation: Operation | undefined): void {
    const attributes = record.attributes as Attributes
    if (operation === undefined) {
      addMissing(attributes, properties)
      redactRecord(record, redactor)
      if (isSampledOut(where)) leaveOut(operation)
      else deliver(record, undefined)
      return
    }
    attributes[OPERATION_NAME] = operation.name
    if (operation.attributes !== undefined) addMissing(attributes, operation.attributes)
    addMissing(attributes, properties)
    redactRecord(record, redactor)
    if (operation.fate === Fate.Kept) deliver(record, operation)
    else if (!operation.hold(() => deliver(record, operation))) leaveOut(operation)
  }

  function deliver (record: SdkLogRecord, operation: Operation | undefined): void {
    const sent = record.instrumentationScope.name.startsWith(scope) ? record : foreignRecord(record, redactor)
    const rate = rateOf(operation)
    markSampleRate(sent.attributes, rate)
    if (exception !== undefined && isException(sent.attributes as Attributes)) {
      exception(100 / (rate ?? 100))
      markProcessed(sent.attributes, PROCESSED_EXCEPTION)
    }
    delivery.record(sent)
  }

  function takeLine (record: SdkLogRecord, notes: LineNotes, where: Context, operation: Operation | undefined): void {
    if (operation === undefined) {
      if (isSampledOut(where)) leaveOut(operation)
      else deliverLine(record, notes, undefined, undefined, undefined)
      return
    }
    const { name } = operation
    if (operation.fate === Fate.Kept) {
      deliverLine(record, notes, operation, name, operation.attributes)
      return
    }
    // As they are now: what is set later belongs to later rows.
    const attributes = operation.attributes === undefined ? undefined : { ...operation.attributes }
    if (!operation.hold(() => deliverLine(record, notes, operation, name, attributes))) leaveOut(operation)
  }

  function deliverLine (record: SdkLogRecord, { level, timestamp, format }: LineNotes, operation: Operation | undefined, operationName: string | undefined, attributes: Attributes | undefined): void {
    if (attributes !== undefined) redactAttributes(attributes, redactor)
    let origin = origins.get(format)
    if (origin === undefined) origins.set(format, origin = { format, properties })
    const { spanContext: span } = record
    delivery.line({
      text: record.attributes[ORIGINAL_LINE] as string,
      timestamp,
      level,
      severityNumber: record.severityNumber!,
      origin,
      traceId: span?.traceId,
      spanId: span?.spanId,
      operationName,
      rate: rateOf(operation),
      attributes
    })
  }

  const processor: RecordProcessor = { next: undefined, onEmit, forceFlush: async () => {}, shutdown: async () => {} }
  return processor
}

/** Another tracer's span may be active, of another trace. */
function correlate (record: SdkLogRecord, where: Context, operation: Operation): void {
  const span = ownSpan(where, operation).spanContext()
  if (record.spanContext !== span) record.spanContext = span
}

function isException (attributes: Attributes): boolean {
  return attributes['exception.type'] !== undefined || attributes['exception.message'] !== undefined
}

function isSampledOut (where: Context): boolean {
  const span = trace.getSpan(where)
  return span !== undefined && isOwn(span) && !isForAzure(span)
}
