/** Filters of the Live view → the collection configuration for the servers. */

export const TELEMETRY_TYPES = ['Request', 'Dependency', 'Exception', 'Trace', 'Event'] as const
export type TelemetryType = typeof TELEMETRY_TYPES[number]

export interface LiveFilter {
  telemetryType: TelemetryType
  /** `Success`, `Duration`, `ResponseCode`, `Name`, `CustomDimensions.<name>` … or `*`. */
  field: string
  /** `Equal`, `NotEqual`, `Contains`, `DoesNotContain`, `GreaterThan`, `LessThan`, … */
  predicate: string
  /** A duration is `days.hours:minutes:seconds`. */
  comparand: string
}

export interface LiveConfiguration {
  /** All filters of one type must match. Items of a type without filters are all shown. Empty: a sample of everything. */
  filters: LiveFilter[]
  /** What the chart shows of matching items: their number per second, `Duration`, or `CustomDimensions.<name>`. @default 'Count()' */
  projection?: string
  /** @default 'Sum' */
  aggregation?: 'Sum' | 'Avg' | 'Min' | 'Max'
}

/** In the form that the service sends. */
export function collectionOf ({ filters, projection = 'Count()', aggregation = 'Sum' }: LiveConfiguration, etag: string): object {
  const types = [...new Set(filters.map(filter => filter.telemetryType))]
  const groupOf = (type: string): object => ({
    Filters: filters.filter(filter => filter.telemetryType === type).map(({ field, predicate, comparand }) => ({ FieldName: field, Predicate: predicate, Comparand: comparand }))
  })
  return {
    ETag: etag,
    Metrics: types.map(type => ({
      Id: chartId(type), TelemetryType: type, FilterGroups: [groupOf(type)], Projection: projection, Aggregation: aggregation, BackEndAggregation: aggregation
    })),
    DocumentStreams: [{
      Id: 'sample',
      DocumentFilterGroups: (types.length === 0 ? TELEMETRY_TYPES : types).map(type => ({ TelemetryType: type, Filters: groupOf(type) }))
    }]
  }
}

export function chartId (type: string): string {
  return `filtered-${type}`
}

const MAX_FILTERS = 20
const MAX_TEXT = 500

/** @returns undefined if it isn't a valid configuration */
export function readConfiguration (given: unknown): LiveConfiguration | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const { filters, projection, aggregation } = given as Record<string, unknown>
  if (!Array.isArray(filters) || filters.length > MAX_FILTERS || !filters.every(isFilter)) return undefined
  if (projection !== undefined && !isText(projection)) return undefined
  if (aggregation !== undefined && !['Sum', 'Avg', 'Min', 'Max'].includes(aggregation as string)) return undefined
  return { filters, projection, aggregation: aggregation as LiveConfiguration['aggregation'] }
}

function isFilter (given: unknown): given is LiveFilter {
  if (typeof given !== 'object' || given === null) return false
  const { telemetryType, field, predicate, comparand } = given as Record<string, unknown>
  return TELEMETRY_TYPES.includes(telemetryType as TelemetryType) && [field, predicate, comparand].every(isText)
}

function isText (given: unknown): given is string {
  return typeof given === 'string' && given.length <= MAX_TEXT
}
