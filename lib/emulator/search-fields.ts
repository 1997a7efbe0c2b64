/** The column names that a search may use, and what they mean. Also runs in the page. */
import type { Row } from './rows'

type Column = keyof Row

const ALIASES: Readonly<Record<string, readonly Column[]>> = {
  status: ['resultCode'],
  code: ['resultCode'],
  result: ['resultCode'],
  role: ['cloud_RoleName'],
  service: ['cloud_RoleName'],
  instance: ['cloud_RoleInstance'],
  operation: ['operation_Name', 'operation_Id'],
  user: ['user_AuthenticatedId', 'user_Id'],
  session: ['session_Id'],
  level: ['severityLevel'],
  severity: ['severityLevel'],
  itemtype: ['type'],
  kind: ['type'],
  exception: ['exceptionType'],
  ip: ['client_IP'],
  version: ['application_Version'],
  time: ['timestamp']
}

const COLUMNS: readonly Column[] = [
  'type', 'itemId', 'timestamp', 'name', 'url', 'resultCode', 'success', 'duration', 'id', 'source', 'data', 'target', 'dependencyType',
  'message', 'severityLevel', 'exceptionType', 'outerMessage', 'outerType', 'innermostMessage', 'innermostType', 'problemId', 'value',
  'valueCount', 'valueSum', 'valueMin', 'valueMax', 'valueStdDev', 'metricNamespace', 'category', 'counter', 'instance',
  'totalDuration', 'networkDuration', 'sendDuration', 'receiveDuration', 'processingDuration', 'location', 'operation_Id',
  'operation_ParentId', 'operation_Name', 'operation_SyntheticSource', 'cloud_RoleName', 'cloud_RoleInstance', 'user_Id',
  'user_AuthenticatedId', 'user_AccountId', 'session_Id', 'client_Type', 'client_Model', 'client_OS', 'client_IP', 'client_City',
  'client_StateOrProvince', 'client_CountryOrRegion', 'application_Version', 'sdkVersion', 'iKey', 'itemCount'
]

const BY_NAME = new Map(COLUMNS.map(column => [column.toLowerCase(), [column] as readonly Column[]]))

/** Undefined if no column has that name: it is a custom dimension or measurement. */
export function columnsOf (field: string): readonly Column[] | undefined {
  const name = field.toLowerCase()
  return Object.hasOwn(ALIASES, name) ? ALIASES[name] : BY_NAME.get(name)
}

/** Suggestions while typing. */
export const SUGGESTED: readonly string[] = ['name', 'operation_Name', 'url', 'resultCode', 'success', 'duration', 'severityLevel', 'message', 'exceptionType', 'target', 'user', 'session', 'cloud_RoleName', 'customDimensions.']
