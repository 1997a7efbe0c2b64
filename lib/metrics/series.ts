/** Values of one metric → series, aggregated by their dimensions until the interval ends. */
import type { Attributes } from '@opentelemetry/api'

// The SDK's DataPointType, without loading the SDK for two numbers.
export const HISTOGRAM = 0
export const GAUGE = 2

/** Maximum number of series per name and interval. Above it, dimensions are dropped, as in OpenTelemetry's SDKs. */
export const MAX_SERIES = 2_000
const OVERFLOW: Attributes = Object.freeze({ 'otel.metric.overflow': true })

export interface Summary { count: number, sum: number, min: number, max: number }

export type Point = readonly [name: string, type: typeof HISTOGRAM | typeof GAUGE, attributes: Attributes, value: number | Summary]

class Series {
  readonly attributes: Attributes
  readonly summary: Summary = { count: 0, sum: 0, min: Infinity, max: -Infinity }

  constructor (attributes: Attributes) {
    this.attributes = attributes
  }

  add (value: number): void {
    const { summary } = this
    summary.count++
    summary.sum += value
    if (value < summary.min) summary.min = value
    if (value > summary.max) summary.max = value
  }
}

/** The series of one metric, cleared when they are sent. */
export class SeriesStore {
  readonly name: string
  readonly #max: number
  // Keyed by a string and a number, because a string built for every value would have to be hashed each time.
  #groups = new Map<string, Map<number, Series>>()
  #size = 0
  #overflow: Series | undefined

  constructor (name: string, max = MAX_SERIES) {
    this.name = name
    this.#max = max
  }

  /** @param attributes called once per series, not for every value */
  of (group: string, code: number, attributes: () => Attributes): Series {
    let series = this.#groups.get(group)
    let found = series?.get(code)
    if (found !== undefined) return found
    if (this.#size >= this.#max) return (this.#overflow ??= new Series(OVERFLOW))
    if (series === undefined) this.#groups.set(group, series = new Map())
    series.set(code, found = new Series(attributes()))
    this.#size++
    return found
  }

  /** @returns the series since the last call */
  take (): Series[] {
    const taken: Series[] = []
    for (const group of this.#groups.values()) taken.push(...group.values())
    if (this.#overflow !== undefined) taken.push(this.#overflow)
    if (this.#size > 0) this.#groups = new Map()
    this.#size = 0
    this.#overflow = undefined
    return taken
  }

  /** The same, as histogram points. */
  takePoints (): Point[] {
    return this.take().map(({ attributes, summary }) => [this.name, HISTOGRAM, attributes, summary])
  }
}
