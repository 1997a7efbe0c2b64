/** The service's configuration → checked tests, and errors for the invalid parts. */
import { compileGroup, FilterError, isItemType, ITEM_TYPES, type Test } from './filters'
import type { Item, ItemType } from './items'
import { metricPoint, type CollectionConfiguration, type ConfigurationError, type DerivedMetricInfo, type DocumentStreamInfo, type MetricPoint, type QuotaInfo } from './protocol'

const CUSTOM = 'CustomDimensions.'
const AGGREGATIONS = new Set(['Sum', 'Avg', 'Min', 'Max'])
// Limits of one configuration. More than this is a mistake, and must not take the worker's time.
const MAX_METRICS = 100
const MAX_STREAMS = 50
const DEFAULT_QUOTA: Readonly<QuotaInfo> = Object.freeze({ InitialQuota: 10, MaxQuota: 10, QuotaAccrualRatePerSec: 10 })

/** A chart of matching items, emptied once a second. */
class DerivedMetric {
  readonly #info: DerivedMetricInfo
  readonly #type: ItemType
  readonly #groups: Test[]
  #sum = 0
  #weight = 0
  #min = Infinity
  #max = -Infinity

  /** @throws FilterError */
  constructor (info: DerivedMetricInfo, type: ItemType) {
    this.#info = info
    this.#type = type
    const { Projection: projection, Aggregation: aggregation, FilterGroups: groups } = info
    const known = projection === 'Count()' || (projection === 'Duration' && (type === 'Request' || type === 'Dependency')) || projection?.startsWith(CUSTOM)
    if (!known) throw new FilterError(`The projection '${projection}' is not supported for the telemetry type ${type}.`)
    if (!AGGREGATIONS.has(aggregation)) throw new FilterError(`The aggregation '${aggregation}' is not supported.`)
    this.#groups = (groups ?? []).map(group => compileGroup(type, group))
  }

  add (item: Item): void {
    if (item.type !== this.#type || !matchesAny(this.#groups, item)) return
    const value = this.#project(item)
    if (!Number.isFinite(value)) return
    this.#sum += value * item.weight
    this.#weight += item.weight
    this.#min = Math.min(this.#min, value)
    this.#max = Math.max(this.#max, value)
  }

  take (): MetricPoint {
    const [sum, weight, min, max] = [this.#sum, this.#weight, this.#min, this.#max]
    const values: Record<string, number> = { Sum: sum, Avg: sum / weight, Min: min, Max: max }
    this.#sum = this.#weight = 0
    this.#min = Infinity
    this.#max = -Infinity
    // The weight is the number of items that the value represents. It's needed to combine the values of several servers.
    return metricPoint(this.#info.Id, weight === 0 ? 0 : values[this.#info.Aggregation], weight)
  }

  #project ({ duration, properties }: Item): number {
    const { Projection: projection } = this.#info
    if (projection === 'Count()') return 1
    if (projection === 'Duration') return duration ?? NaN
    return Number.parseFloat(properties[projection.slice(CUSTOM.length)])
  }
}

interface DocumentStream { readonly id: string, readonly groups: Array<{ type: ItemType, test: Test }>, readonly quota: Quota }

/** Limits documents per type, with a burst and a rate per second: one type must not crowd out the others. */
class Quota {
  readonly #info: QuotaInfo
  readonly #left = new Map<ItemType, number>()

  constructor (info: QuotaInfo) {
    this.#info = info
    for (const type of ITEM_TYPES) this.#left.set(type, Math.min(info.MaxQuota, info.InitialQuota ?? info.MaxQuota))
  }

  get isEmpty (): boolean {
    return [...this.#left.values()].every(left => left < 1)
  }

  /** @returns false if the quota is used up */
  spend (type: ItemType): boolean {
    const left = this.#left.get(type)!
    if (left < 1) return false
    this.#left.set(type, left - 1)
    return true
  }

  accrue (seconds: number): void {
    for (const [type, left] of this.#left) this.#left.set(type, Math.min(this.#info.MaxQuota, left + this.#info.QuotaAccrualRatePerSec * seconds))
  }
}

export class Collection {
  readonly etag: string
  readonly errors: ConfigurationError[] = []
  readonly #metrics: DerivedMetric[] = []
  readonly #streams: DocumentStream[] = []
  /** Used if there are no streams: a sample of everything. */
  readonly #anything: Quota | undefined

  constructor ({ ETag, Metrics, DocumentStreams, QuotaInfo }: CollectionConfiguration = { ETag: '' }) {
    this.etag = ETag
    const quota = quotaOf(QuotaInfo)
    const seen = new Set<string>()
    for (const info of listOf(Metrics).slice(0, MAX_METRICS)) this.#addMetric(info, seen)
    const streams = listOf(DocumentStreams).slice(0, MAX_STREAMS)
    for (const info of streams) this.#addStream(info, quota)
    this.#anything = streams.length === 0 ? new Quota(quota) : undefined
  }

  /** Whether a new item could have any effect now. */
  get isWanting (): boolean {
    return this.#metrics.length > 0 || this.#anything?.isEmpty === false || this.#streams.some(({ quota }) => !quota.isEmpty)
  }

  /** @returns the document streams that the item matches; undefined if it doesn't become a document */
  add (item: Item): string[] | undefined {
    for (const metric of this.#metrics) metric.add(item)
    if (this.#anything !== undefined) return this.#anything.spend(item.type) ? [] : undefined
    const streams: string[] = []
    for (const { id, groups, quota } of this.#streams) {
      if (groups.some(({ type, test }) => type === item.type && test(item)) && quota.spend(item.type)) streams.push(id)
    }
    return streams.length === 0 ? undefined : streams
  }

  /** @param seconds since the last call */
  take (seconds: number): MetricPoint[] {
    this.#anything?.accrue(seconds)
    for (const { quota } of this.#streams) quota.accrue(seconds)
    return this.#metrics.map(metric => metric.take())
  }

  #addMetric (info: DerivedMetricInfo, seen: Set<string>): void {
    const id = String(info?.Id)
    const fail = (type: string, message: string): void => { this.#fail(type, message, 'MetricId', id) }
    if (seen.has(id)) return fail('MetricDuplicateIds', `Duplicate metric id: ${id}`)
    seen.add(id)
    if (!isItemType(info?.TelemetryType)) return fail('MetricTelemetryTypeUnsupported', unsupportedType(info?.TelemetryType))
    try {
      this.#metrics.push(new DerivedMetric(info, info.TelemetryType))
    } catch (error) {
      fail('MetricFailureToCreateFilterUnexpected', messageOf(error))
    }
  }

  #addStream (info: DocumentStreamInfo, quota: QuotaInfo): void {
    const stream: DocumentStream = { id: String(info?.Id), groups: [], quota: new Quota(quota) }
    for (const group of listOf(info?.DocumentFilterGroups)) {
      const fail = (type: string, message: string): void => { this.#fail(type, message, 'DocumentStreamInfoId', stream.id) }
      const { TelemetryType: type, Filters: filters } = group ?? {}
      if (!isItemType(type)) {
        fail('CollectionConfigurationFailureToCreateUnexpected', unsupportedType(type))
        continue
      }
      try {
        stream.groups.push({ type, test: compileGroup(type, filters) })
      } catch (error) {
        fail('DocumentStreamFailureToCreateFilterUnexpected', messageOf(error))
      }
    }
    if (stream.groups.length > 0) this.#streams.push(stream)
  }

  #fail (type: string, message: string, key: string, value: string): void {
    this.errors.push({
      CollectionConfigurationErrorType: type,
      Message: message,
      FullException: message,
      Data: [{ key, value }, { key: 'ETag', value: this.etag }]
    })
  }
}

/** Without groups, everything matches. */
function matchesAny (groups: Test[], item: Item): boolean {
  return groups.length === 0 || groups.some(test => test(item))
}

function quotaOf (given: QuotaInfo | undefined): QuotaInfo {
  const isUsable = typeof given?.MaxQuota === 'number' && typeof given.QuotaAccrualRatePerSec === 'number'
  return isUsable ? given : DEFAULT_QUOTA
}

function listOf<T> (given: T[] | undefined): T[] {
  return Array.isArray(given) ? given : []
}

function unsupportedType (type: unknown): string {
  return `The telemetry type '${String(type)}' is not supported.`
}

function messageOf (error: unknown): string {
  return error instanceof FilterError ? error.message : 'The filter cannot be read.'
}
