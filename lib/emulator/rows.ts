/** Received envelope → row: one flat object with the column names of Azure's tables. */

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

const COLUMN_OF_TAG: Array<[tag: string, column: keyof Row]> = [
  ['ai.operation.id', 'operation_Id'],
  ['ai.operation.parentId', 'operation_ParentId'],
  ['ai.operation.name', 'operation_Name'],
  ['ai.operation.syntheticSource', 'operation_SyntheticSource'],
  ['ai.cloud.role', 'cloud_RoleName'],
  ['ai.cloud.roleInstance', 'cloud_RoleInstance'],
  ['ai.user.id', 'user_Id'],
  ['ai.user.authUserId', 'user_AuthenticatedId'],
  ['ai.user.accountId', 'user_AccountId'],
  ['ai.session.id', 'session_Id'],
  ['ai.device.type', 'client_Type'],
  ['ai.device.model', 'client_Model'],
  ['ai.device.osVersion', 'client_OS'],
  ['ai.location.ip', 'client_IP'],
  ['ai.location.city', 'client_City'],
  ['ai.location.province', 'client_StateOrProvince'],
  ['ai.location.country', 'client_CountryOrRegion'],
  ['ai.application.ver', 'application_Version'],
  ['ai.internal.sdkVersion', 'sdkVersion']
]

const SEVERITIES = ['verbose', 'information', 'warning', 'error', 'critical']

/** The kind that an envelope's baseType names, where it is one that ingestion knows. */
export function kindOf (baseType: unknown): RowType | undefined {
  const key = typeof baseType === 'string' ? baseType.toLowerCase() : ''
  return Object.hasOwn(KINDS, key) ? KINDS[key] : undefined
}

/** The envelope must have passed `faultOf`. */
export function toRow (envelope: Envelope, itemId: number): Row {
  const data = envelope.data?.baseData ?? {}
  const rate = Number(envelope.sampleRate)
  const row: Row = {
    type: kindOf(envelope.data?.baseType) ?? 'event',
    itemId,
    timestamp: new Date(String(envelope.time)).toISOString(),
    ...columns(data, envelope),
    ...tagColumns(envelope.tags),
    iKey: String(envelope.iKey),
    itemCount: rate > 0 && rate <= 100 ? 100 / rate : 1,
    customDimensions: strings(data.properties),
    customMeasurements: numbers(data.measurements),
    envelope
  }
  // In Azure a metric named like a Windows counter lands in performanceCounters.
  if (row.type === 'metric' && row.name?.startsWith('\\')) Object.assign(row, { type: 'performanceCounter' }, counterParts(row.name))
  return row
}

function columns (data: Record<string, unknown>, envelope: Envelope): Partial<Row> {
  switch (kindOf(envelope.data?.baseType)) {
    case 'request': return present({
      name: text(data.name) ?? '',
      url: text(data.url),
      resultCode: text(data.responseCode) ?? '',
      // Azure counts a request as successful unless told otherwise.
      success: truth(data.success) ?? true,
      duration: milliseconds(data.duration) ?? 0,
      id: text(data.id) ?? '',
      source: text(data.source)
    })
    case 'dependency': return present({
      name: text(data.name) ?? '',
      data: text(data.data) ?? text(data.commandName),
      target: text(data.target),
      dependencyType: text(data.type) ?? text(data.dependencyTypeName) ?? '',
      resultCode: text(data.resultCode) ?? '',
      success: truth(data.success) ?? true,
      duration: milliseconds(data.duration) ?? 0,
      id: text(data.id)
    })
    case 'trace': return present({ message: text(data.message) ?? '', severityLevel: severity(data.severityLevel) })
    case 'exception': return exceptionColumns(data)
    case 'event': return { name: text(data.name) ?? '' }
    case 'metric': return metricColumns(data)
    case 'performanceCounter': return present({
      name: text(data.counterName) ?? text(data.counter) ?? '',
      value: Number(data.value) || 0,
      category: text(data.categoryName),
      counter: text(data.counterName),
      instance: text(data.instanceName)
    })
    case 'pageView': return present({
      name: text(data.name) ?? '', url: text(data.url), duration: milliseconds(data.duration), id: text(data.id)
    })
    case 'browserTiming': return present({
      name: text(data.name) ?? '',
      url: text(data.url),
      totalDuration: milliseconds(data.perfTotal) ?? milliseconds(data.duration),
      networkDuration: milliseconds(data.networkConnect),
      sendDuration: milliseconds(data.sentRequest),
      receiveDuration: milliseconds(data.receivedResponse),
      processingDuration: milliseconds(data.domProcessing)
    })
    case 'availability': return present({
      name: text(data.name) ?? '',
      id: text(data.id),
      success: truth(data.success) ?? true,
      duration: milliseconds(data.duration) ?? 0,
      location: text(data.runLocation),
      message: text(data.message)
    })
    default: return {}
  }
}

function exceptionColumns (data: Record<string, unknown>): Partial<Row> {
  const details = (Array.isArray(data.exceptions) ? data.exceptions : []).filter(isObject) as ExceptionDetail[]
  const outer = details[0]
  const inner = details.at(-1)
  const exceptionType = text(outer?.typeName) ?? ''
  const outerMessage = text(outer?.message) ?? ''
  const where = frame(outer)
  return present({
    exceptionType,
    message: outerMessage,
    outerMessage,
    outerType: exceptionType,
    innermostMessage: text(inner?.message) ?? '',
    innermostType: text(inner?.typeName) ?? '',
    problemId: text(data.problemId) ?? (where ? `${exceptionType} at ${where}` : exceptionType),
    details,
    severityLevel: severity(data.severityLevel)
  })
}

/** The function that threw, which is how Azure tells problems apart. */
function frame (detail: ExceptionDetail | undefined): string | undefined {
  const parsed = Array.isArray(detail?.parsedStack) ? detail.parsedStack[0] : undefined
  if (parsed?.method) return String(parsed.method)
  // Cut first: a stack is free text, and the pattern must not see megabytes of it.
  const match = /^\s*at (?:async )?([^\s(]+)/m.exec(text(detail?.stack)?.slice(0, 4_096) ?? '')
  return match?.[1]
}

function metricColumns (data: Record<string, unknown>): Partial<Row> {
  // Azure keeps the first metric of an item and drops the rest.
  const metric = Array.isArray(data.metrics) && isObject(data.metrics[0]) ? data.metrics[0] : {}
  const value = Number(metric.value) || 0
  return present({
    name: text(metric.name) ?? '',
    metricNamespace: text(metric.ns) ?? text(metric.namespace),
    value,
    valueSum: value,
    valueCount: number(metric.count) ?? 1,
    valueMin: number(metric.min),
    valueMax: number(metric.max),
    valueStdDev: number(metric.stdDev)
  })
}

function counterParts (name: string): Partial<Row> {
  const match = /^\\([^(\\]*)(?:\(([^)]*)\))?\\(.*)$/.exec(name)
  return match ? present({ category: match[1], instance: match[2], counter: match[3] }) : {}
}

function tagColumns (tags: unknown): Partial<Row> {
  if (!isObject(tags)) return {}
  const columns: Partial<Record<keyof Row, string>> = {}
  for (const [tag, column] of COLUMN_OF_TAG) {
    const value = text(tags[tag])
    if (value !== undefined && value !== '') columns[column] = value
  }
  return columns as Partial<Row>
}

/** `d.hh:mm:ss.fffffff` or a number of milliseconds → milliseconds. */
export function milliseconds (span: unknown): number | undefined {
  if (typeof span === 'number') return Number.isFinite(span) ? span : undefined
  const match = typeof span === 'string' ? /^(-)?(?:(\d{1,8})\.)?(\d{1,8}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?$/.exec(span) : null
  if (match === null) return undefined
  const [, minus, days = '0', hours, minutes, seconds, fraction = ''] = match
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
  // One division of whole ticks (100 ns): 00:00:01.0012000 is 1001.2 and not 1001.1999999.
  const ticks = whole * 1e7 + Number(fraction.padEnd(7, '0').slice(0, 7))
  return (minus ? -ticks : ticks) / 1e4
}

function severity (level: unknown): number | undefined {
  if (typeof level === 'number' && level >= 0 && level <= 4) return level
  if (typeof level !== 'string') return undefined
  const index = /^[0-4]$/.test(level) ? Number(level) : SEVERITIES.indexOf(level.toLowerCase())
  return index < 0 ? undefined : index
}

function text (value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function number (value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function truth (value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  return typeof value === 'string' ? value.toLowerCase() === 'true' : undefined
}

function strings (from: unknown): Record<string, string> {
  if (!isObject(from)) return {}
  // fromEntries defines own properties: a dimension called __proto__ stays a dimension.
  return Object.fromEntries(Object.entries(from).flatMap(([key, value]) => {
    const string = text(value)
    return string === undefined ? [] : [[key, string]]
  }))
}

function numbers (from: unknown): Record<string, number> {
  if (!isObject(from)) return {}
  return Object.fromEntries(Object.entries(from).flatMap(([key, value]) => {
    const given = number(typeof value === 'string' && value !== '' ? Number(value) : value)
    return given === undefined ? [] : [[key, given]]
  }))
}

function present<T extends object> (columns: T): T {
  for (const key of Object.keys(columns) as Array<keyof T>) if (columns[key] === undefined) delete columns[key]
  return columns
}

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Why ingestion refuses an item, or nothing. The wording follows the real endpoint's. */
export function faultOf (item: unknown): string | undefined {
  if (!isObject(item)) return '100: Invalid telemetry item: expected a JSON object'
  if (typeof item.name !== 'string' || item.name === '') return missing('name', 'Envelope', 'string')
  if (typeof item.time !== 'string' || Number.isNaN(Date.parse(item.time))) return missing('time', 'Envelope', 'DateTimeOffset')
  if (typeof item.iKey !== 'string' || item.iKey === '') return missing('iKey', 'Envelope', 'string')
  if (item.tags !== undefined && item.tags !== null && !isObject(item.tags)) return missing('tags', 'Envelope', 'map')
  if (!isObject(item.data)) return missing('data', 'Envelope', 'Base')
  const kind = kindOf(item.data.baseType)
  if (kind === undefined) return "103: Field 'baseType' on type 'Data' is not one of the known telemetry types"
  const data = item.data.baseData
  if (!isObject(data)) return missing('baseData', 'Data', 'Domain')
  if (kind === 'request' && text(data.id) === undefined) return missing('id', 'RequestData', 'string')
  if ((kind === 'request' || kind === 'availability') && milliseconds(data.duration) === undefined) return missing('duration', String(item.data.baseType), 'TimeSpan')
  if (kind === 'trace' && text(data.message) === undefined) return missing('message', 'MessageData', 'string')
  if (kind === 'exception' && !(Array.isArray(data.exceptions) && data.exceptions.some(isObject))) return missing('exceptions', 'ExceptionData', 'list')
  if (kind === 'metric' && !(Array.isArray(data.metrics) && data.metrics.some(isObject))) return missing('metrics', 'MetricData', 'list')
  return undefined
}

function missing (field: string, type: string, expected: string): string {
  return `106: Field '${field}' on type '${type}' is required but missing or of the wrong form. Expected: ${expected}`
}
