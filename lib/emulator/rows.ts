/** What an envelope and a row are: the field's names on the wire, and the columns of Azure's tables. */

/** Which of Azure's tables a row belongs to: its `itemType`. */
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

/** One exception of a chain, outermost first, as it was sent. */
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
 * A row, with the columns as Azure's tables and KQL name them. A column that was not sent is absent.
 * Two columns that Azure calls `type` carry longer names here, because `type` is the kind of row.
 * @see https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
 */
export interface Row {
  type: RowType
  /** Place in the order of arrival, beginning with 1. */
  itemId: number
  /** When it happened, by the sender's clock: ISO 8601, UTC. */
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
  /** Of a request, dependency, page view or availability result: what its children name as `operation_ParentId`. */
  id?: string
  /** Of a request: who called. */
  source?: string

  /** Of a dependency: the command, a full url or a query text. */
  data?: string
  /** Of a dependency: host, database or queue. */
  target?: string
  /** Of a dependency: Azure's column `type`, such as HTTP, SQL or InProc. */
  dependencyType?: string

  /** Of a trace or availability result; of an exception the outermost message, as `outerMessage`. */
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

  /** Of a metric or counter: the sum where it is an aggregate. */
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
  /** How many this row stands for: 100 / sampleRate. */
  itemCount: number
  /** Custom properties. Always strings, as Azure keeps them. */
  customDimensions: Record<string, string>
  customMeasurements: Record<string, number>
  /** What was received, untouched. */
  envelope: Envelope
}

/** Columns that a row of each kind always has. */
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

/** A row of one kind, with the columns such rows always have. */
export type RowOf<T extends RowType> = Row & { type: T } & { [Column in Always[T]]-?: NonNullable<Row[Column]> }

// The wire has had several names for the same kind over the years and SDKs.
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

/** The kind that an envelope's baseType names, where it is one that ingestion knows. */
export function kindOf (baseType: unknown): RowType | undefined {
  const key = typeof baseType === 'string' ? baseType.toLowerCase() : ''
  return Object.hasOwn(KINDS, key) ? KINDS[key] : undefined
}
