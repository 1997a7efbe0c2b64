/** Finished span or record → a few values in a flat array; a batch of them → one JSON string. */
import type { Attributes } from '@opentelemetry/api'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { BASE_TYPE, PROCESSED, SAMPLE_RATE } from '../rows/attribute-names'
import { cut } from '../rows/cut'
import { isError } from '../rows/hostile'
import { LARGE_PROPERTIES, LARGE_PROPERTY_BYTES } from '../rows/limits'
import { processedBy, sampleRateOf } from '../rows/marks'
import type { RowSpan } from '../rows/span'
import { countsOf, type Counts } from './counters'
import { EXCEPTIONS, METRIC_POINTS, TRACES, kindOfRecord, kindOfSpan } from './kinds'
import { COMPARED, LINE, LINE_SEPARATOR, MARKS, METRICS, NO_SHAPE, RECORD, SPAN, SPAN_WITH_MORE, type LineOrigin, type PackableLine, type PackedBatch, type PackedMetric, type Shape } from './packed'

const SHAPES_LOOKED_AT = 8
// Messages are limited to 32 K and most properties to 8 K, so anything longer needn't travel.
const LONGEST = 65_536
const LONGEST_ROW = 262_144
// Hardly ever the same twice, and a text that has just been put together must be copied before it can be compared.
const NEW_EACH_TIME = 'url.full'
const NONE: Attributes = Object.freeze({})

const BASE_TYPES = new Set<unknown>(['AvailabilityData', 'ExceptionData', 'MessageData', 'PageViewData', 'EventData'])

/** The older SDK's records have a whole row as their body. In other records, a field of that name is just a field. */
function legacyRow ({ body, attributes }: ReadableLogRecord): string | undefined {
  if (!BASE_TYPES.has(attributes[BASE_TYPE]) || typeof body !== 'object' || body === null || Array.isArray(body) || body instanceof Uint8Array) return undefined
  try {
    const row = JSON.stringify(body)
    // A truncated row would be invalid.
    return row.length <= LONGEST_ROW ? row : undefined
  } catch {
    return undefined
  }
}

function withoutBaseType (attributes: ReadableLogRecord['attributes']): ReadableLogRecord['attributes'] {
  if (attributes[BASE_TYPE] === undefined) return attributes
  const { [BASE_TYPE]: value, ...others } = attributes
  return { ...others, [`field.${BASE_TYPE}`]: value }
}

/** Fills up, is sealed into a string, and starts again. */
export class Packer {
  size = 0
  counts: Counts = countsOf()
  /** Counts only values that can be long. */
  characters = 0
  #values: unknown[] = []
  #shapes: Shape[] = []
  #byLength = new Map<number, number[]>()
  #origins: LineOrigin[] = []
  #lines: string[] = []

  span (span: RowSpan): void {
    const { traceId, spanId } = span.spanContext()
    const more = span.events.length > 0 || span.links.length > 0
    const values = this.#values
    const start = values.length
    try {
      this.#marks(span.attributes)
      values.push(
        more ? SPAN_WITH_MORE : SPAN, traceId, spanId, span.parentSpanContext?.spanId ?? null, span.name, span.kind,
        span.startTime[0], span.startTime[1], span.duration[0], span.duration[1], span.status.code
      )
      this.#attributes(span.attributes)
      if (more) {
        values.push(
          span.events.map(event => [event.name, event.time, flat(event.attributes)]),
          span.links.map(link => [link.context.traceId, link.context.spanId])
        )
      }
    } catch (error) {
      values.length = start
      throw error
    }
    this.counts[kindOfSpan(span.kind)]++
    for (const event of span.events) this.counts[event.name === 'exception' ? EXCEPTIONS : TRACES]++
    this.size += 1 + span.events.length
  }

  record (record: ReadableLogRecord): void {
    const { body } = record
    const row = legacyRow(record)
    const attributes = row === undefined ? withoutBaseType(record.attributes) : record.attributes
    const values = this.#values
    const start = values.length
    try {
      const said = row ?? (typeof body === 'string' ? short(body) : text(body))
      if (said !== null) this.characters += said.length
      this.#marks(record.attributes)
      values.push(
        RECORD, record.spanContext?.traceId ?? null, record.spanContext?.spanId ?? null, said,
        record.severityNumber ?? 0, record.hrTime[0], record.hrTime[1]
      )
      this.#attributes(attributes)
    } catch (error) {
      values.length = start
      throw error
    }
    this.counts[kindOfRecord(attributes)]++
    this.size++
  }

  line ({ text, timestamp, level, severityNumber, origin, traceId, spanId, operationName, rate, attributes }: PackableLine): void {
    let known = this.#origins.indexOf(origin)
    if (known === -1) known = this.#origins.push(origin) - 1
    this.#values.push(LINE, traceId ?? null, spanId ?? null, severityNumber, timestamp, level, known, operationName ?? null, rate ?? null)
    this.#attributes(attributes ?? NONE)
    this.#lines.push(text)
    this.characters += text.length
    this.counts[TRACES]++
    this.size++
  }

  metrics (metrics: ResourceMetrics): void {
    const packed = packMetrics(metrics)
    let points = 0
    for (const metric of packed) points += metric.dataPoints.length
    if (points === 0) return
    this.#values.push(METRICS, packed)
    this.counts[METRIC_POINTS] += points
    this.size += points
  }

  seal (): string {
    const packed: PackedBatch = { shapes: this.#shapes, values: this.#values }
    if (this.#origins.length > 0) packed.origins = this.#origins
    // A string, not the array itself: it goes to shared memory or to disk as it is, takes 300 bytes an item while it
    // waits, and is parsed only when its turn comes.
    let sealed = JSON.stringify(packed)
    // Appended unchanged: inside JSON, a line would be escaped here and parsed twice later.
    for (const line of this.#lines) sealed += LINE_SEPARATOR + line.slice(0, -1)
    this.size = 0
    this.characters = 0
    this.counts = countsOf()
    this.#values = []
    this.#shapes = []
    this.#byLength.clear()
    this.#origins = []
    this.#lines = []
    return sealed
  }

  #marks (attributes: object): void {
    const rate = sampleRateOf(attributes)
    const processed = processedBy(attributes)
    if (rate !== undefined || processed !== undefined) this.#values.push(MARKS, rate ?? null, processed ?? null)
  }

  #attributes (attributes: Attributes | ReadableLogRecord['attributes']): void {
    const names = Object.keys(attributes)
    const values = this.#values
    if (names.length === 0) {
      values.push(NO_SHAPE)
      return
    }
    const given = Object.values(attributes)
    const index = this.#shape(names)
    const { first } = this.#shapes[index]
    const mask = values.push(index, 0) - 1
    let changed = 0
    for (let at = 0; at < names.length; at++) {
      const value = this.#value(names[at], given[at])
      if (at < COMPARED) {
        if (at === first.length) first.push(value)
        if (names[at] !== NEW_EACH_TIME && value === first[at]) continue
        changed |= 1 << at
      }
      values.push(value)
    }
    values[mask] = changed
  }

  #value (name: string, value: unknown): string | number | boolean | null {
    // The marks already have it, if it's ours.
    if (name === SAMPLE_RATE || name === PROCESSED) return null
    if (typeof value === 'string') {
      if (value.length > 1_000) this.characters += value.length
      return value.length > LONGEST ? short(value, name) : value
    }
    return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)) ? value : text(value)
  }

  #shape (names: string[]): number {
    let known = this.#byLength.get(names.length)
    if (known === undefined) this.#byLength.set(names.length, known = [])
    for (let at = known.length - 1, last = Math.max(0, known.length - SHAPES_LOOKED_AT); at >= last; at--) {
      if (isSame(this.#shapes[known[at]].names, names)) return known[at]
    }
    known.push(this.#shapes.length)
    return this.#shapes.push({ names, first: [] }) - 1
  }
}

function isSame (shape: string[], names: string[]): boolean {
  for (let at = 0; at < names.length; at++) if (shape[at] !== names[at]) return false
  return true
}

function short (value: string, name?: string): string {
  return cut(value, name !== undefined && LARGE_PROPERTIES.has(name) ? LARGE_PROPERTY_BYTES : LONGEST)
}

/** The exporter writes every property as text, so this gives the same result. */
function text (value: unknown): string | null {
  if (value == null) return null
  if (typeof value !== 'object' || value instanceof Uint8Array) return short(String(value))
  try {
    if (isError(value)) return short(JSON.stringify(value, Object.getOwnPropertyNames(value)))
    return short(JSON.stringify(value instanceof Map ? Object.fromEntries(value) : value, (_key, inner) => typeof inner === 'bigint' ? String(inner) : inner) ?? '')
  } catch {
    // Circular, or its toJSON throws.
    return '[unserializable]'
  }
}

function flat (attributes: Attributes | undefined): Record<string, unknown> {
  const flattened: Record<string, unknown> = {}
  for (const name of Object.keys(attributes ?? {})) {
    const value = attributes![name]
    flattened[name] = typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)) ? value : text(value)
  }
  return flattened
}

function packMetrics (metrics: ResourceMetrics): PackedMetric[] {
  const packed: PackedMetric[] = []
  for (const scope of metrics.scopeMetrics) {
    for (const metric of scope.metrics) {
      packed.push({
        descriptor: { name: metric.descriptor.name },
        dataPointType: metric.dataPointType,
        dataPoints: metric.dataPoints.map(point => ({
          attributes: flat(point.attributes),
          value: typeof point.value === 'number'
            ? point.value
            : { sum: point.value.sum, count: point.value.count, min: point.value.min, max: point.value.max },
          startTime: point.startTime,
          endTime: point.endTime
        }))
      })
    }
  }
  return packed
}
