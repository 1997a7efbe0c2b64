/** One JSON string → objects that satisfy what the exporters read of spans, records and metrics. */
import { SpanKind, TraceFlags, type HrTime, type SpanContext } from '@opentelemetry/api'
import { millisToHrTime } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { addMissing, bodyOf, fieldsToAttributes, parseLine } from '../../logs/line'
import { BASE_TYPE, OPERATION_NAME, PROCESSED, SAMPLE_RATE } from '../../rows/attribute-names'
import { completeException, fitAttribute, fitNames } from '../../rows/attributes'
import { cut } from '../../rows/cut'
import { NAME } from '../../rows/limits'
import { RECORD_PROCESSED, RECORD_RATE } from './exporters'
import { EXCEPTIONS, isException, kindOfRecord, kindOfSpan, LINE, LINE_SEPARATOR, MARKS, METRICS, METRIC_POINTS, RECORD, SPAN_WITH_MORE, TRACES, type PackedBatch, type PackedMetric } from '../pack'
import { countsOf, type Counts } from '../counters'

const SCOPE: ReadableSpan['instrumentationScope'] = { name: 'fastify-app-insights' }

export interface Unpacked {
  spans: ReadableSpan[]
  spanCounts: Counts
  records: ReadableLogRecord[]
  recordCounts: Counts
  metrics: ResourceMetrics[]
  metricCounts: Counts
}

export function emptyUnpacked (): Unpacked {
  return { spans: [], spanCounts: countsOf(), records: [], recordCounts: countsOf(), metrics: [], metricCounts: countsOf() }
}

/** @throws where the string is not what Packer sealed */
export function unpack (sealed: string, resource: Resource, into: Unpacked): void {
  const [packed, ...lines] = sealed.split(LINE_SEPARATOR)
  const { shapes, values, origins = [] } = JSON.parse(packed) as PackedBatch
  let lineAt = 0
  let at = 0
  const next = <T>(): T => values[at++] as T

  function attributes (): Record<string, string | number | boolean> {
    const names = shapes[next<number>()]
    const read: Record<string, string | number | boolean> = {}
    for (let name = 0; name < names.length; name++) {
      const value = next<string | number | boolean | null>()
      if (value !== null && names[name] !== '__proto__') read[names[name]] = typeof value === 'string' ? fitAttribute(names[name], value) : value
    }
    return read
  }

  function time (): HrTime {
    return [next<number>(), next<number>()]
  }

  function record (hrTime: HrTime, traceId: string | null, spanId: string | null, severityNumber: number, body: ReadableLogRecord['body'], attributes: ReadableLogRecord['attributes']): ReadableLogRecord {
    return {
      hrTime,
      hrTimeObserved: hrTime,
      spanContext: traceId === null ? undefined : { traceId, spanId: spanId ?? '', traceFlags: TraceFlags.SAMPLED },
      severityNumber,
      body,
      resource,
      instrumentationScope: SCOPE,
      attributes,
      droppedAttributesCount: 0
    }
  }

  let rate: number | null = null
  let processed: string | null = null
  while (at < values.length) {
    const type = next<number>()
    if (type === MARKS) {
      rate = next<number | null>()
      processed = next<string | null>()
      continue
    }
    if (type === RECORD) {
      const traceId = next<string | null>()
      const spanId = next<string | null>()
      const body = next<string | null>()
      const severityNumber = next<number>()
      const hrTime = time()
      const read = attributes()
      if (isException(read)) completeException(read)
      into.recordCounts[kindOfRecord(read)]++
      const content = body === null ? undefined : read[BASE_TYPE] === undefined ? body : parsed(body)
      if (rate !== null) read[RECORD_RATE] = rate
      if (processed !== null) read[RECORD_PROCESSED] = processed
      into.records.push(record(hrTime, traceId, spanId, severityNumber, content, read))
    } else if (type === LINE) {
      const traceId = next<string | null>()
      const spanId = next<string | null>()
      const severityNumber = next<number>()
      const timestamp = next<number>()
      const level = next<number>()
      const { format, properties } = origins[next<number>()]
      const name = next<string | null>()
      const rate = next<number | null>()
      const ofOperation = attributes()
      const content = parseLine(lines[lineAt++], level, timestamp, format)
      const read = fieldsToAttributes(content.fields)
      // The nearer source has the word: a field of the line, then the request, then the instance.
      addMissing(read, ofOperation)
      addMissing(read, properties)
      if (name !== null) read[OPERATION_NAME] = cut(name, NAME)
      if (rate !== null) read[RECORD_RATE] = rate
      into.recordCounts[TRACES]++
      into.records.push(record(millisToHrTime(timestamp), traceId, spanId, severityNumber, bodyOf(content, format), read))
    } else if (type === METRICS) {
      const metrics = next<PackedMetric[]>()
      for (const metric of metrics) {
        into.metricCounts[METRIC_POINTS] += metric.dataPoints.length
        // What is missing from the rows afterwards is counted.
        metric.dataPoints = metric.dataPoints.filter(isFinitePoint)
      }
      into.metrics.push({ resource, scopeMetrics: [{ scope: SCOPE, metrics }] } as unknown as ResourceMetrics)
    } else {
      const context: SpanContext = { traceId: next(), spanId: next(), traceFlags: TraceFlags.SAMPLED }
      const parent = next<string | null>()
      const name = cut(next<string>(), NAME)
      let kind = next<number>()
      const startTime = time()
      const duration = time()
      const code = next<number>()
      const read = attributes()
      fitNames(read)
      if (rate !== null) read[SAMPLE_RATE] = rate
      if (processed !== null) read[PROCESSED] = processed
      const events = type === SPAN_WITH_MORE ? next<Array<[string, HrTime, Record<string, string>]>>() : []
      const links = type === SPAN_WITH_MORE ? next<Array<[string, string]>>() : []
      // The exporter names a SERVER span by method and route alone: one that the app has named is a CONSUMER's to it.
      if (kind === SpanKind.SERVER && read[OPERATION_NAME] !== undefined) {
        kind = SpanKind.CONSUMER
        if (read['client.address'] !== undefined) read['microsoft.client.ip'] = read['client.address']
      }
      into.spanCounts[kindOfSpan(kind)]++
      for (const event of events) into.spanCounts[event[0] === 'exception' ? EXCEPTIONS : TRACES]++
      into.spans.push({
        name,
        kind,
        spanContext: () => context,
        parentSpanContext: parent === null ? undefined : { traceId: context.traceId, spanId: parent, traceFlags: TraceFlags.SAMPLED },
        startTime,
        endTime: startTime,
        duration,
        status: { code },
        attributes: read,
        events: events.map(([name, time, attributes]) => ({ name, time, attributes })),
        links: links.map(([traceId, spanId]) => ({ context: { traceId, spanId, traceFlags: TraceFlags.SAMPLED } })),
        ended: true,
        resource,
        instrumentationScope: SCOPE,
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0
      })
    }
    rate = null
    processed = null
  }
}

/** NaN and Infinity have no form in JSON, and a sum that is neither is none: Azure would refuse the row, and 0 would not be true. */
function isFinitePoint ({ value }: PackedMetric['dataPoints'][number]): boolean {
  return Number.isFinite(typeof value === 'object' && value !== null ? (value as { sum: unknown }).sum : value)
}

/** Items in the form of the older SDKs have an object as their body. */
function parsed (body: string): ReadableLogRecord['body'] {
  try {
    return JSON.parse(body) as ReadableLogRecord['body']
  } catch {
    return body
  }
}
