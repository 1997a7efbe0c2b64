/** Azure's tables: their columns in order, with the classic names and those of a Log Analytics workspace. */
import { fromMilliseconds } from './datetime'
import { isObject } from '../fields'
import type { Row, RowType } from '../rows'
import { JsonText, type Scalar, type Value } from './values'

export interface TableColumn {
  name: string
  type: Scalar
  /** The name in the workspace's table, if it has the column. */
  workspace?: string
  workspaceType?: Scalar
  /** @param bytes size of the row as it was sent */
  read (row: Row, bytes: number): Value
}

export interface StoredTable { name: string, workspace: string, kind: RowType, columns: readonly TableColumn[] }

function text (name: string, workspace: string | undefined, read: (row: Row) => string | undefined): TableColumn {
  return { name, type: 'string', workspace, read: row => read(row) ?? '' }
}

function real (name: string, workspace: string | undefined, read: (row: Row) => number | undefined): TableColumn {
  return { name, type: 'real', workspace, read: row => read(row) ?? null }
}

function int (name: string, workspace: string | undefined, read: (row: Row) => number | undefined): TableColumn {
  return { name, type: 'int', workspace, read: row => read(row) ?? null }
}

function json (name: string, workspace: string | undefined, read: (row: Row) => object | undefined): TableColumn {
  return { name, type: 'dynamic', workspace, read: row => { const value = read(row); return value === undefined ? null : new JsonText(JSON.stringify(value)) } }
}

const BUCKETS: ReadonlyArray<[below: number, name: string]> = [
  [250, '<250ms'], [500, '250ms-500ms'], [1e3, '500ms-1sec'], [3e3, '1sec-3sec'], [7e3, '3sec-7sec'], [15e3, '7sec-15sec'],
  [30e3, '15sec-30sec'], [60e3, '30sec-1min'], [120e3, '1min-2min'], [300e3, '2min-5min'], [Infinity, '>=5min']
]

function bucket (duration: number | undefined): string {
  return duration === undefined ? '' : BUCKETS.find(([below]) => duration < below)?.[1] ?? '>=5min'
}

const timestamp: TableColumn = { name: 'timestamp', type: 'datetime', workspace: 'TimeGenerated', read: row => fromMilliseconds(Date.parse(row.timestamp)) }
const id = text('id', 'Id', row => row.id)
const name = text('name', 'Name', row => row.name)
const url = text('url', 'Url', row => row.url)
const resultCode = text('resultCode', 'ResultCode', row => row.resultCode)
const duration = real('duration', 'DurationMs', row => row.duration)
const performanceBucket = text('performanceBucket', 'PerformanceBucket', row => bucket(row.duration ?? row.totalDuration))
const severityLevel = int('severityLevel', 'SeverityLevel', row => row.severityLevel)
const customMeasurements = json('customMeasurements', 'Measurements', row => row.customMeasurements)
/** Text in the classic table, as in Azure, and a boolean in the workspace's. */
const success: TableColumn = {
  name: 'success',
  type: 'string',
  workspace: 'Success',
  workspaceType: 'bool',
  read: row => row.success === undefined ? '' : row.success ? 'True' : 'False'
}

const billing: TableColumn[] = [
  text('_ResourceId', '_ResourceId', () => undefined),
  { name: '_BilledSize', type: 'real', workspace: '_BilledSize', read: (_row, bytes) => bytes }
]

/** The columns that every table has after its own. */
function common (itemType: string): TableColumn[] {
  return [
    text('itemType', undefined, () => itemType),
    json('customDimensions', 'Properties', row => row.customDimensions),
    text('operation_Name', 'OperationName', row => row.operation_Name),
    text('operation_Id', 'OperationId', row => row.operation_Id),
    text('operation_ParentId', 'ParentId', row => row.operation_ParentId),
    text('operation_SyntheticSource', 'SyntheticSource', row => row.operation_SyntheticSource),
    text('session_Id', 'SessionId', row => row.session_Id),
    text('user_Id', 'UserId', row => row.user_Id),
    text('user_AuthenticatedId', 'UserAuthenticatedId', row => row.user_AuthenticatedId),
    text('user_AccountId', 'UserAccountId', row => row.user_AccountId),
    text('application_Version', 'AppVersion', row => row.application_Version),
    text('client_Type', 'ClientType', row => row.client_Type),
    text('client_Model', 'ClientModel', row => row.client_Model),
    text('client_OS', 'ClientOS', row => row.client_OS),
    text('client_IP', 'ClientIP', row => row.client_IP),
    text('client_City', 'ClientCity', row => row.client_City),
    text('client_StateOrProvince', 'ClientStateOrProvince', row => row.client_StateOrProvince),
    text('client_CountryOrRegion', 'ClientCountryOrRegion', row => row.client_CountryOrRegion),
    text('client_Browser', 'ClientBrowser', () => undefined),
    text('cloud_RoleName', 'AppRoleName', row => row.cloud_RoleName),
    text('cloud_RoleInstance', 'AppRoleInstance', row => row.cloud_RoleInstance),
    text('appId', 'ResourceGUID', () => undefined),
    text('appName', undefined, () => undefined),
    text('iKey', 'IKey', row => row.iKey),
    text('sdkVersion', 'SDKVersion', row => row.sdkVersion),
    text('itemId', undefined, row => String(row.itemId)),
    // A row may stand for a fractional number of items, but Azure stores whole numbers.
    int('itemCount', 'ItemCount', row => Math.round(row.itemCount)),
    ...billing
  ]
}

function frame (row: Row, index: number, field: 'assembly' | 'method'): string | undefined {
  const stack = row.details?.at(index)?.parsedStack
  const top: unknown = Array.isArray(stack) ? stack[0] : undefined
  return isObject(top) && typeof top[field] === 'string' ? top[field] : undefined
}

const exception: TableColumn[] = [
  text('problemId', 'ProblemId', row => row.problemId),
  text('handledAt', 'HandledAt', () => undefined),
  text('type', 'ExceptionType', row => row.exceptionType),
  text('message', 'Message', row => row.message),
  text('assembly', 'Assembly', row => frame(row, 0, 'assembly')),
  text('method', 'Method', row => frame(row, 0, 'method')),
  text('outerType', 'OuterType', row => row.outerType),
  text('outerMessage', 'OuterMessage', row => row.outerMessage),
  text('outerAssembly', 'OuterAssembly', row => frame(row, 0, 'assembly')),
  text('outerMethod', 'OuterMethod', row => frame(row, 0, 'method')),
  text('innermostType', 'InnermostType', row => row.innermostType),
  text('innermostMessage', 'InnermostMessage', row => row.innermostMessage),
  text('innermostAssembly', 'InnermostAssembly', row => frame(row, -1, 'assembly')),
  text('innermostMethod', 'InnermostMethod', row => frame(row, -1, 'method')),
  severityLevel,
  json('details', 'Details', row => row.details)
]

const metric: TableColumn[] = [
  name,
  real('value', undefined, row => row.value),
  int('valueCount', undefined, row => row.valueCount),
  real('valueSum', 'Sum', row => row.valueSum),
  real('valueMin', 'Min', row => row.valueMin ?? row.value),
  real('valueMax', 'Max', row => row.valueMax ?? row.value),
  real('valueStdDev', undefined, row => row.valueStdDev)
]

const browser: TableColumn[] = [
  name,
  url,
  real('networkDuration', 'NetworkDurationMs', row => row.networkDuration),
  real('sendDuration', 'SendDurationMs', row => row.sendDuration),
  real('receiveDuration', 'ReceiveDurationMs', row => row.receiveDuration),
  real('processingDuration', 'ProcessingDurationMs', row => row.processingDuration),
  real('totalDuration', 'TotalDurationMs', row => row.totalDuration),
  performanceBucket
]

const dependency = [id, text('target', 'Target', row => row.target), text('type', 'DependencyType', row => row.dependencyType), name, text('data', 'Data', row => row.data), success, resultCode, duration, performanceBucket]
const availability = [id, name, text('location', 'Location', row => row.location), success, text('message', 'Message', row => row.message), duration, real('size', 'Size', () => undefined), performanceBucket]
const counter = [name, text('category', 'Category', row => row.category), text('counter', 'Counter', row => row.counter), text('instance', 'Instance', row => row.instance), real('value', 'Value', row => row.value)]

function table (tableName: string, workspace: string, kind: RowType, itemType: string, own: readonly TableColumn[], measured = true): StoredTable {
  const [first, ...others] = common(itemType)
  const [dimensions, ...rest] = others
  return { name: tableName, workspace, kind, columns: [timestamp, ...own, first, dimensions, ...(measured ? [customMeasurements] : []), ...rest] }
}

export const STORED: readonly StoredTable[] = [
  table('requests', 'AppRequests', 'request', 'request', [id, text('source', 'Source', row => row.source), name, url, success, resultCode, duration, performanceBucket]),
  table('dependencies', 'AppDependencies', 'dependency', 'dependency', dependency),
  table('traces', 'AppTraces', 'trace', 'trace', [text('message', 'Message', row => row.message), severityLevel]),
  table('exceptions', 'AppExceptions', 'exception', 'exception', exception),
  table('customEvents', 'AppEvents', 'event', 'customEvent', [name]),
  table('customMetrics', 'AppMetrics', 'metric', 'customMetric', metric, false),
  table('availabilityResults', 'AppAvailabilityResults', 'availability', 'availabilityResult', availability),
  table('pageViews', 'AppPageViews', 'pageView', 'pageView', [id, name, url, duration, performanceBucket]),
  table('browserTimings', 'AppBrowserTimings', 'browserTiming', 'browserTiming', browser),
  table('performanceCounters', 'AppPerformanceCounters', 'performanceCounter', 'performanceCounter', counter, false)
]

/** What every table of a workspace has as well. */
export const WORKSPACE: ReadonlyArray<[name: string, read: (table: string) => string]> = [
  ['Type', table => table],
  ['SourceSystem', () => 'Azure'],
  ['_IsBillable', () => 'True'],
  ['TenantId', () => ''],
  ['_SubscriptionId', () => '']
]

/** Azure's own events, of which there are none here; its queries about cost name the table. */
export const SYSTEM_EVENTS = {
  name: 'AppSystemEvents',
  columns: [timestamp, text('', 'EventType', () => undefined), name, json('', 'Properties', () => undefined), customMeasurements, ...billing]
}
