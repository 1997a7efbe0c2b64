/** Types and constants of the wire protocol. The names are the service's. */

/** @see https://github.com/Azure/azure-rest-api-specs/tree/main/specification/applicationinsights/data-plane/LiveMetrics */
export const API_VERSION = '2024-04-01-preview'
/** Tells the service that we support filters for metrics and documents. */
export const INVARIANT_VERSION = 5

export const METRIC = Object.freeze({
  requests: '\\ApplicationInsights\\Requests/Sec',
  failedRequests: '\\ApplicationInsights\\Requests Failed/Sec',
  requestDuration: '\\ApplicationInsights\\Request Duration',
  calls: '\\ApplicationInsights\\Dependency Calls/Sec',
  failedCalls: '\\ApplicationInsights\\Dependency Calls Failed/Sec',
  callDuration: '\\ApplicationInsights\\Dependency Call Duration',
  exceptions: '\\ApplicationInsights\\Exceptions/Sec',
  memory: '\\Process\\Physical Bytes',
  cpu: '\\% Process\\Processor Time Normalized',
  // Older names, which the portal still reads.
  olderMemory: '\\Memory\\Committed Bytes',
  olderCpu: '\\Processor(_Total)\\% Processor Time'
})

/** The service reads `Weight` as a 32-bit integer. */
export interface MetricPoint { Name: string, Value: number, Weight: number }

const MAX_WEIGHT = 2 ** 31 - 1

/** In the form that the service can read: JSON has no Infinity, and one wrong number would make it refuse the whole post. */
export function metricPoint (Name: string, value: number, weight = 1): MetricPoint {
  const Value = Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value))
  return { Name, Value, Weight: Math.min(MAX_WEIGHT, Math.max(1, Math.round(weight))) }
}

export interface KeyValue { key: string, value: string }

export interface LiveDocument {
  DocumentType: 'Request' | 'RemoteDependency' | 'Exception' | 'Event' | 'Trace'
  DocumentStreamIds: string[]
  Properties: KeyValue[]
  Name?: string
  Url?: string
  ResponseCode?: string
  CommandName?: string
  ResultCode?: string
  /** ISO 8601, `PT0.25S`. */
  Duration?: string
  ExceptionType?: string
  ExceptionMessage?: string
  Message?: string
}

export interface ConfigurationError {
  CollectionConfigurationErrorType: string
  Message: string
  FullException: string
  Data: KeyValue[]
}

export interface MonitoringDataPoint {
  Version: string
  InvariantVersion: number
  Instance: string
  RoleName: string
  MachineName: string
  StreamId: string
  /** ISO 8601. */
  Timestamp: string
  IsWebApp: boolean
  PerformanceCollectionSupported: boolean
  Metrics?: MetricPoint[]
  Documents?: LiveDocument[]
  CollectionConfigurationErrors?: ConfigurationError[]
}

export interface FilterInfo { FieldName: string, Predicate: string, Comparand: string }
export interface FilterGroup { Filters: FilterInfo[] }

export interface DerivedMetricInfo {
  Id: string
  TelemetryType: string
  FilterGroups: FilterGroup[]
  /** `Count()`, `Duration` or `CustomDimensions.<name>`. */
  Projection: string
  Aggregation: string
  BackEndAggregation?: string
}

export interface DocumentStreamInfo {
  Id: string
  DocumentFilterGroups: Array<{ TelemetryType: string, Filters: FilterGroup }>
}

/** Limits the items of one document stream that are sent: a burst, and a number per second after it. */
export interface QuotaInfo { InitialQuota?: number, MaxQuota: number, QuotaAccrualRatePerSec: number }

export interface CollectionConfiguration {
  ETag: string
  Metrics?: DerivedMetricInfo[]
  DocumentStreams?: DocumentStreamInfo[]
  QuotaInfo?: QuotaInfo
}

/** Units of 100 ns since the year 1, as text, because a JavaScript number can't hold it. @param now in milliseconds since 1970 */
export function transmissionTime (now: number): string {
  return String((BigInt(Math.round(now)) + 62_135_596_800_000n) * 10_000n)
}
