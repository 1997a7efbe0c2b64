/** One JSON string → objects with everything the exporters read from spans, records and metrics. */
import { SpanKind, TraceFlags, type HrTime, type SpanContext } from '@opentelemetry/api'
import { millisToHrTime } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { addMissing, bodyOf, fieldsToAttributes, parseLine } from '../../rows/line'
import { BASE_TYPE, OPERATION_NAME, PROCESSED, SAMPLE_RATE } from '../../rows/attribute-names'
import { completeException, fitAttribute, fitNames } from '../../rows/attributes'
import { cut } from '../../rows/cut'
import { NAME } from '../../rows/limits'
import { isException } from '../../rows/record'
import { RECORD_PROCESSED, RECORD_RATE } from './exporters'
import { EXCEPTIONS, kindOfRecord, kindOfSpan, METRIC_POINTS, TRACES } from '../kinds'
import { COMPARED, LINE, LINE_SEPARATOR, MARKS, METRICS, NO_SHAPE, RECORD, SPAN_WITH_MORE, type LineOrigin, type PackedBatch, type PackedMetric, type Shape } from '../packed'
import { countsOf, type Counts } from '../counters'

const NONE: never[] = []
const SCOPE: ReadableSpan['instrumentationScope'] = { name: 'fastify-app-insights' }

export interface Unpacked {
  spans: ReadableSpan[]
  spanCounts: Counts
  records: ReadableLogRecord[]
  recordCounts: Counts
  metrics: ResourceMetrics[]
  metricCounts: Counts
}

function emptyUnpacked (): Unpacked {
  return { spans: [], spanCounts: countsOf(), records: [], recordCounts: countsOf(), metrics: [], metricCounts: countsOf() }
}

/** @throws if the string wasn't sealed by Packer */
export function unpack (sealed: string, resource: Resource): Unpacked {
  return unpackParts(sealed, resource, Infinity).next().value!
}

/**
 * @param items unpacked at a time
 * @throws if the string wasn't sealed by Packer
 */
export function * unpackParts (sealed: string, resource: Resource, items: number): Generator<Unpacked, undefined> {
  const [packed, ...lines] = sealed.split(LINE_SEPARATOR)
  const { shapes, values, origins = [] } = JSON.parse(packed) as PackedBatch
  const reader: Reader = { values, shapes, origins, lines, at: 0, lineAt: 0, resource }
  let marks = NO_MARKS
  let into = emptyUnpacked()
  let left = items
  while (reader.at < values.length) {
    const type = next<number>(reader)
    if (type === MARKS) {
      marks = { rate: next(reader), processed: next(reader) }
      continue
    }
    if (type === RECORD) readRecord(reader, marks, into)
    else if (type === LINE) readLine(reader, into)
    else if (type === METRICS) readMetrics(reader, into)
    else readSpan(reader, type === SPAN_WITH_MORE, marks, into)
    marks = NO_MARKS
    if (--left > 0) continue
    yield into
    into = emptyUnpacked()
    left = items
  }
  yield into
}

interface Reader {
  readonly values: readonly unknown[]
  readonly shapes: readonly Shape[]
  readonly origins: readonly LineOrigin[]
  readonly lines: readonly string[]
  /** The next value, and the next line. */
  at: number
  lineAt: number
  readonly resource: Resource
}

/** Marks that precede an item: its sample rate, and the metrics that have counted it. */
interface Marks { readonly rate: number | null, readonly processed: string | null }

const NO_MARKS: Marks = { rate: null, processed: null }

function next<T> (reader: Reader): T {
  return reader.values[reader.at++] as T
}

function readTime (reader: Reader): HrTime {
  return [next<number>(reader), next<number>(reader)]
}

function readAttributes (reader: Reader): Record<string, string | number | boolean> {
  const index = next<number>(reader)
  const read: Record<string, string | number | boolean> = {}
  if (index === NO_SHAPE) return read
  const { names, first } = reader.shapes[index]
  const changed = next<number>(reader)
  for (let at = 0; at < names.length; at++) {
    const name = names[at]
    const isWritten = at >= COMPARED || (changed & 1 << at) !== 0
    const value = (isWritten ? next(reader) : first[at]) as string | number | boolean | null
    if (value !== null && name !== '__proto__') read[name] = typeof value === 'string' ? fitAttribute(name, value) : value
  }
  return read
}

function readRecord (reader: Reader, { rate, processed }: Marks, into: Unpacked): void {
  const traceId = next<string | null>(reader)
  const spanId = next<string | null>(reader)
  const body = next<string | null>(reader)
  const severityNumber = next<number>(reader)
  const hrTime = readTime(reader)
  const attributes = readAttributes(reader)
  if (isException(attributes)) completeException(attributes)
  into.recordCounts[kindOfRecord(attributes)]++
  const content = body === null ? undefined : attributes[BASE_TYPE] === undefined ? body : parsed(body)
  if (rate !== null) attributes[RECORD_RATE] = rate
  if (processed !== null) attributes[RECORD_PROCESSED] = processed
  into.records.push(new UnpackedRecord(reader.resource, hrTime, traceId, spanId, severityNumber, content, attributes))
}

function readLine (reader: Reader, into: Unpacked): void {
  const traceId = next<string | null>(reader)
  const spanId = next<string | null>(reader)
  const severityNumber = next<number>(reader)
  const timestamp = next<number>(reader)
  const level = next<number>(reader)
  const { format, properties } = reader.origins[next<number>(reader)]
  const name = next<string | null>(reader)
  const rate = next<number | null>(reader)
  const ofOperation = readAttributes(reader)
  const content = parseLine(reader.lines[reader.lineAt++], level, timestamp, format)
  const attributes = fieldsToAttributes(content.fields)
  // The most specific source wins: a field on the line, then the request, then the instance.
  addMissing(attributes, ofOperation)
  addMissing(attributes, properties)
  if (name !== null) attributes[OPERATION_NAME] = cut(name, NAME)
  if (rate !== null) attributes[RECORD_RATE] = rate
  into.recordCounts[TRACES]++
  into.records.push(new UnpackedRecord(reader.resource, millisToHrTime(timestamp), traceId, spanId, severityNumber, bodyOf(content, format), attributes))
}

/** A class, because V8 makes objects of a literal in the old generation once it has seen many survive. */
class UnpackedRecord implements ReadableLogRecord {
  readonly hrTimeObserved: HrTime
  readonly spanContext: SpanContext | undefined
  readonly instrumentationScope = SCOPE
  readonly droppedAttributesCount = 0

  constructor (
    readonly resource: Resource, readonly hrTime: HrTime, traceId: string | null, spanId: string | null, readonly severityNumber: number,
    readonly body: ReadableLogRecord['body'], readonly attributes: ReadableLogRecord['attributes']
  ) {
    this.hrTimeObserved = hrTime
    this.spanContext = traceId === null ? undefined : { traceId, spanId: spanId ?? '', traceFlags: TraceFlags.SAMPLED }
  }
}

function readMetrics (reader: Reader, into: Unpacked): void {
  const metrics = next<PackedMetric[]>(reader)
  for (const metric of metrics) {
    into.metricCounts[METRIC_POINTS] += metric.dataPoints.length
    // Points dropped here are counted later, as missing rows.
    metric.dataPoints = metric.dataPoints.filter(isFinitePoint)
  }
  into.metrics.push({ resource: reader.resource, scopeMetrics: [{ scope: SCOPE, metrics }] } as unknown as ResourceMetrics)
}

function readSpan (reader: Reader, hasMore: boolean, { rate, processed }: Marks, into: Unpacked): void {
  const context: SpanContext = { traceId: next(reader), spanId: next(reader), traceFlags: TraceFlags.SAMPLED }
  const parent = next<string | null>(reader)
  const name = cut(next<string>(reader), NAME)
  const spanKind = next<number>(reader)
  const startTime = readTime(reader)
  const duration = readTime(reader)
  const code = next<number>(reader)
  const attributes = readAttributes(reader)
  fitNames(attributes)
  if (rate !== null) attributes[SAMPLE_RATE] = rate
  if (processed !== null) attributes[PROCESSED] = processed
  const events = hasMore ? next<Array<[string, HrTime, Record<string, string>]>>(reader) : NONE
  const links = hasMore ? next<Array<[string, string]>>(reader) : NONE
  const kind = exporterKind(spanKind, attributes)
  into.spanCounts[kindOfSpan(kind)]++
  for (const event of events) into.spanCounts[event[0] === 'exception' ? EXCEPTIONS : TRACES]++
  const span = new UnpackedSpan(reader.resource, context, parent, name, kind, startTime, duration, code, attributes)
  if (hasMore) {
    span.events = events.map(([name, time, attributes]) => ({ name, time, attributes }))
    span.links = links.map(([traceId, spanId]) => ({ context: { traceId, spanId, traceFlags: TraceFlags.SAMPLED } }))
  }
  into.spans.push(span)
}

/** A class for the reason of UnpackedRecord. */
class UnpackedSpan implements ReadableSpan {
  events: ReadableSpan['events'] = NONE
  links: ReadableSpan['links'] = NONE
  readonly #context: SpanContext
  readonly parentSpanContext: SpanContext | undefined
  readonly endTime: HrTime
  readonly status: ReadableSpan['status']
  readonly ended = true
  readonly instrumentationScope = SCOPE
  readonly droppedAttributesCount = 0
  readonly droppedEventsCount = 0
  readonly droppedLinksCount = 0

  constructor (
    readonly resource: Resource, context: SpanContext, parent: string | null, readonly name: string, readonly kind: SpanKind,
    readonly startTime: HrTime, readonly duration: HrTime, code: number, readonly attributes: ReadableSpan['attributes']
  ) {
    this.#context = context
    this.parentSpanContext = parent === null ? undefined : { traceId: context.traceId, spanId: parent, traceFlags: TraceFlags.SAMPLED }
    this.endTime = startTime
    this.status = { code }
  }

  spanContext (): SpanContext {
    return this.#context
  }
}

/** The exporter names SERVER spans by method and route only, so a span that the app named must be a CONSUMER. */
function exporterKind (kind: SpanKind, attributes: Record<string, string | number | boolean>): SpanKind {
  if (kind !== SpanKind.SERVER || attributes[OPERATION_NAME] === undefined) return kind
  if (attributes['client.address'] !== undefined) attributes['microsoft.client.ip'] = attributes['client.address']
  return SpanKind.CONSUMER
}

/** JSON has no NaN or Infinity, and a sum that is either can't be sent: Azure would reject the row, and 0 would be wrong. */
function isFinitePoint ({ value }: PackedMetric['dataPoints'][number]): boolean {
  return Number.isFinite(typeof value === 'object' && value !== null ? (value as { sum: unknown }).sum : value)
}

/** Items in the older SDKs' format have an object as their body. */
function parsed (body: string): ReadableLogRecord['body'] {
  try {
    return JSON.parse(body) as ReadableLogRecord['body']
  } catch {
    return body
  }
}
