/** The packed form of spans, records, lines and metrics, as it travels to the worker and to disk. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import type { LineFormat } from '../rows/line'

/** What many items share is written once per batch. */
export interface PackedBatch { shapes: Shape[], values: unknown[], origins?: LineOrigin[] }

/**
 * The attributes of the first item with these names. Another item with them has the index of the shape, the values that
 * differ as a bit mask, and those values. Most requests differ from the one before in a few values only.
 */
export interface Shape { readonly names: string[], readonly first: unknown[] }

/** Stands in place of a shape's index if there are no attributes. */
export const NO_SHAPE = -1
/** As many values are compared as the mask has bits. The others are always written. */
export const COMPARED = 31

/** What many log lines have in common. */
export interface LineOrigin {
  readonly format: LineFormat
  /** On every row of the instance. */
  readonly properties: Attributes
}

/** A log line as it was written; it is parsed only before it is sent. */
export interface PackableLine {
  /** Redacted; contains one line break, at its end. */
  readonly text: string
  /** Milliseconds since 1970, as in the text. */
  readonly timestamp: number
  /** The logger's numeric level. */
  readonly level: number
  readonly severityNumber: number
  readonly origin: LineOrigin
  readonly traceId: string | undefined
  readonly spanId: string | undefined
  readonly operationName: string | undefined
  /** In percent. */
  readonly rate: number | undefined
  /** Attributes of the operation. */
  readonly attributes: Attributes | undefined
}

/** Precedes each raw line, after all other data. JSON never contains it unescaped. */
export const LINE_SEPARATOR = '\u001e'

export const SPAN = 0
export const SPAN_WITH_MORE = 1
export const RECORD = 2
export const METRICS = 3
export const LINE = 4
/** Precedes a span or record, and applies to the next one. */
export const MARKS = 5

/** The part of a metric that the exporter reads. */
export interface PackedMetric {
  descriptor: { name: string }
  dataPointType: number
  dataPoints: Array<{ attributes: Record<string, unknown>, value: unknown, startTime: HrTime, endTime: HrTime }>
}
