/** Received envelope → row: a flat object with the column names of Azure's tables. */
import { instant, isObject, milliseconds, number, numbers, numeric, present, severity, strings, text, truth } from './fields'
import { kindOf, type Envelope, type ExceptionDetail, type Row } from './rows'

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

/** The envelope must have passed `validationError`. */
export function toRow (envelope: Envelope, itemId: number): Row {
  const data = envelope.data?.baseData ?? {}
  const rate = numeric(envelope.sampleRate) ?? 100
  const row: Row = {
    type: kindOf(envelope.data?.baseType) ?? 'event',
    itemId,
    timestamp: new Date(instant(String(envelope.time))).toISOString(),
    ...columns(data, envelope),
    ...tagColumns(envelope.tags),
    iKey: String(envelope.iKey),
    itemCount: rate > 0 && rate <= 100 ? 100 / rate : 1,
    customDimensions: strings(data.properties),
    customMeasurements: numbers(data.measurements),
    envelope
  }
  // Azure puts metrics named like Windows counters in performanceCounters.
  if (row.type === 'metric' && row.name?.startsWith('\\')) Object.assign(row, { type: 'performanceCounter' }, counterParts(row.name))
  return row
}

function columns (data: Record<string, unknown>, envelope: Envelope): Partial<Row> {
  switch (kindOf(envelope.data?.baseType)) {
    case 'request': return present({
      name: text(data.name) ?? '',
      url: text(data.url),
      resultCode: text(data.responseCode) ?? '',
      // Azure treats a request as successful unless it says otherwise.
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
      value: numeric(data.value) ?? 0,
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

/** The function that threw, which Azure uses to tell problems apart. */
function frame (detail: ExceptionDetail | undefined): string | undefined {
  const parsed = Array.isArray(detail?.parsedStack) ? detail.parsedStack[0] : undefined
  if (parsed?.method) return text(parsed.method)
  // Cut first: a stack is free text, and the pattern must not run over megabytes of it.
  const match = /^\s*at (?:async )?([^\s(]+)/m.exec(text(detail?.stack)?.slice(0, 4_096) ?? '')
  return match?.[1]
}

function metricColumns (data: Record<string, unknown>): Partial<Row> {
  // Azure keeps the first metric of an item and drops the rest.
  const metric = Array.isArray(data.metrics) && isObject(data.metrics[0]) ? data.metrics[0] : {}
  const value = numeric(metric.value) ?? 0
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
