/** What is said over the wire: the names are the service's. */

/** @see https://github.com/Azure/azure-rest-api-specs/tree/main/specification/applicationinsights/data-plane/LiveMetrics */
export const API_VERSION = '2024-04-01-preview'
/** Filters of metrics and documents are understood. */
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
  // What the portal showed before, and still reads.
  olderMemory: '\\Memory\\Committed Bytes',
  olderCpu: '\\Processor(_Total)\\% Processor Time'
})

export interface MetricPoint { Name: string, Value: number, Weight: number }

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

/** Items of one document stream that may be sent: so many at once, and so many more each second. */
export interface QuotaInfo { InitialQuota?: number, MaxQuota: number, QuotaAccrualRatePerSec: number }

export interface CollectionConfiguration {
  ETag: string
  Metrics?: DerivedMetricInfo[]
  DocumentStreams?: DocumentStreamInfo[]
  QuotaInfo?: QuotaInfo
}

/** 100 ns since the year 1, as text: no number of JavaScript's holds it. @param now milliseconds since 1970 */
export function transmissionTime (now: number): string {
  return String((BigInt(Math.round(now)) + 62_135_596_800_000n) * 10_000n)
}
