/** The packed form of spans, records, lines and metrics, as it travels to the worker and to disk. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import type { LineFormat } from '../rows/line'

/** Names of attributes, and what else many items share, are written once per batch. */
export interface PackedBatch { shapes: string[][], values: unknown[], origins?: LineOrigin[] }

/** What many log lines have in common. */
export interface LineOrigin {
  readonly format: LineFormat
  /** Of every row of the instance. */
  readonly properties: Attributes
}

/** A log line as it was written: where it is sent from it is taken apart. */
export interface PackableLine {
  /** Redacted, with its line break, and no other. */
  readonly text: string
  /** Milliseconds since 1970, as they stand in the text. */
  readonly timestamp: number
  /** The logger's value. */
  readonly level: number
  readonly severityNumber: number
  readonly origin: LineOrigin
  readonly traceId: string | undefined
  readonly spanId: string | undefined
  readonly operationName: string | undefined
  /** In percent. */
  readonly rate: number | undefined
  /** Of the operation. */
  readonly attributes: Attributes | undefined
}

/** Stands before every whole line, after all the rest. JSON does not hold it as it is. */
export const LINE_SEPARATOR = '\u001e'

export const SPAN = 0
export const SPAN_WITH_MORE = 1
export const RECORD = 2
export const METRICS = 3
export const LINE = 4
/** Before a span or a record, of the next one. */
export const MARKS = 5

/** The part of a metric that the exporter reads. */
export interface PackedMetric {
  descriptor: { name: string }
  dataPointType: number
  dataPoints: Array<{ attributes: Record<string, unknown>, value: unknown, startTime: HrTime, endTime: HrTime }>
}
