/** Envelopes and rows: the field names on the wire, and the columns of Azure's tables. */

/** The Azure table that a row belongs to: its `itemType`. */
export type RowType = 'request' | 'dependency' | 'trace' | 'exception' | 'event' | 'metric' |
  'performanceCounter' | 'pageView' | 'browserTiming' | 'availability'

/** A telemetry item as it came over the wire. */
export interface Envelope {
  name?: string
  time?: string
  iKey?: string
  sampleRate?: number
  tags?: Record<string, string>
  data?: { baseType?: string, baseData?: Record<string, unknown> }
  [field: string]: unknown
}

/** One exception in a chain, outermost first, as it was sent. */
export interface ExceptionDetail {
  id?: number
  outerId?: number
  typeName?: string
  message?: string
  hasFullStack?: boolean
  stack?: string
  parsedStack?: Array<{ level?: number, method?: string, assembly?: string, fileName?: string, line?: number }>
}

/**
 * A row, with columns named as in Azure's tables and KQL. A column that was not sent is absent.
 * Two columns that Azure calls `type` have longer names here, because `type` is the kind of row.
 * @see https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
 */
export interface Row {
  type: RowType
  /** Position in the order of arrival, starting at 1. */
  itemId: number
  /** When it happened, on the sender's clock: ISO 8601, UTC. */
  timestamp: string
  /** Of a request, dependency, event, metric, page view or availability result. */
  name?: string
  /** Of a request or page view. */
  url?: string
  /** Of a request or dependency. A string, as in Azure. */
  resultCode?: string
  success?: boolean
  /** Milliseconds. */
  duration?: number
  /** Of a request, dependency, page view or availability result: its children refer to it as `operation_ParentId`. */
  id?: string
  /** Of a request: the caller. */
  source?: string

  /** Of a dependency: the command, a full url or a query text. */
  data?: string
  /** Of a dependency: host, database or queue. */
  target?: string
  /** Of a dependency: Azure's column `type`, such as HTTP, SQL or InProc. */
  dependencyType?: string

  /** Of a trace or availability result; for an exception the outermost message, as `outerMessage`. */
  message?: string
  /** 0 verbose, 1 information, 2 warning, 3 error, 4 critical. */
  severityLevel?: number

  /** Of an exception: Azure's column `type`, the class of the outermost error. */
  exceptionType?: string
  outerMessage?: string
  outerType?: string
  innermostMessage?: string
  innermostType?: string
  /** What Azure groups exceptions by. */
  problemId?: string
  /** Of an exception: the chain, with stacks. */
  details?: ExceptionDetail[]

  /** Of a metric or counter: the sum if it is an aggregate. */
  value?: number
  valueCount?: number
  valueSum?: number
  valueMin?: number
  valueMax?: number
  valueStdDev?: number
  metricNamespace?: string
  /** Of a performance counter. */
  category?: string
  counter?: string
  instance?: string

  /** Of a browser timing, in milliseconds. */
  totalDuration?: number
  networkDuration?: number
  sendDuration?: number
  receiveDuration?: number
  processingDuration?: number

  /** Of an availability result. */
  location?: string

  operation_Id?: string
  operation_ParentId?: string
  operation_Name?: string
  operation_SyntheticSource?: string
  cloud_RoleName?: string
  cloud_RoleInstance?: string
  user_Id?: string
  user_AuthenticatedId?: string
  user_AccountId?: string
  session_Id?: string
  client_Type?: string
  client_Model?: string
  client_OS?: string
  client_IP?: string
  client_City?: string
  client_StateOrProvince?: string
  client_CountryOrRegion?: string
  application_Version?: string
  sdkVersion?: string
  iKey: string
  /** How many items this row stands for: 100 / sampleRate. */
  itemCount: number
  /** Custom properties. Always strings, as Azure stores them. */
  customDimensions: Record<string, string>
  customMeasurements: Record<string, number>
  /** The item as received. */
  envelope: Envelope
}

/** Columns that rows of each kind always have. */
interface Always {
  request: 'name' | 'resultCode' | 'success' | 'duration' | 'id'
  dependency: 'name' | 'resultCode' | 'success' | 'duration' | 'dependencyType'
  trace: 'message'
  exception: 'exceptionType' | 'outerMessage' | 'message' | 'problemId' | 'details'
  event: 'name'
  metric: 'name' | 'value' | 'valueCount' | 'valueSum'
  performanceCounter: 'name' | 'value'
  pageView: 'name'
  browserTiming: 'name'
  availability: 'name' | 'success' | 'duration'
}

/** A row of one kind, with the columns it always has. */
export type RowOf<T extends RowType> = Row & { type: T } & { [Column in Always[T]]-?: NonNullable<Row[Column]> }

// Over the years, SDKs have used several names for the same kind.
const KINDS: Record<string, RowType> = {
  requestdata: 'request',
  remotedependencydata: 'dependency',
  messagedata: 'trace',
  exceptiondata: 'exception',
  eventdata: 'event',
  metricdata: 'metric',
  metricsdata: 'metric',
  performancecounterdata: 'performanceCounter',
  pageviewdata: 'pageView',
  pageviewperfdata: 'browserTiming',
  pageviewperformancedata: 'browserTiming',
  availabilitydata: 'availability'
}

/** The kind for an envelope's baseType, if ingestion knows it. */
export function kindOf (baseType: unknown): RowType | undefined {
  const key = typeof baseType === 'string' ? baseType.toLowerCase() : ''
  return Object.hasOwn(KINDS, key) ? KINDS[key] : undefined
}
