/** A span or record → the columns that filters use, and the document that the portal shows. */
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import { SAMPLE_RATE } from '../rows/attribute-names'
import { cut } from '../rows/cut'
import { isRequestKind } from '../rows/span'
import type { KeyValue, LiveDocument } from './protocol'

export type ItemType = 'Request' | 'Dependency' | 'Exception' | 'Trace' | 'Event'

export interface Item {
  readonly type: ItemType
  /** Texts and codes, by the names that filters use. */
  readonly columns: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly duration: number | undefined
  readonly success: boolean | undefined
  /** Custom dimensions. */
  readonly properties: Readonly<Record<string, string>>
  /** How many items it represents. */
  readonly weight: number
}

type Values = Readonly<Record<string, unknown>>

/** Names that have their own column, or that control how a row is read. */
const NO_PROPERTY = /^(?:microsoft|_MS\.|http\.|url\.|server\.|client\.|network\.|net\.|user_agent\.|db\.|rpc\.|messaging\.system$|peer\.service$|exception\.|enduser\.id$|session\.id$|error\.type$|ai\.)/
// In characters. All documents of a second are sent in one request, and people read only the beginning.
const LONGEST = 4_096
const MAX_PROPERTIES = 50

export function spanItem (span: ReadableSpan): Item {
  const { attributes, duration, kind, name, status } = span
  const code = textOf(attributes['http.response.status_code'] ?? attributes['rpc.grpc.status_code'], '')
  const shared = {
    duration: hrTimeToMilliseconds(duration),
    properties: propertiesOf(attributes),
    weight: weightOf(attributes[SAMPLE_RATE])
  }
  if (isRequestKind(kind)) {
    const success = status.code === 0 ? code === '' || Number(code) < 400 : status.code === 1
    return { ...shared, type: 'Request', success, columns: { Name: name, Url: textOf(attributes['url.full'], ''), ResponseCode: code === '' ? '0' : code } }
  }
  return {
    ...shared,
    type: 'Dependency',
    success: status.code !== 2,
    columns: { Name: callName(span), Target: targetOf(attributes), Type: typeOf(span), Data: dataOf(attributes), ResultCode: code === '' ? '0' : code }
  }
}

export function recordItem ({ attributes, body }: ReadableLogRecord, rate: unknown): Item {
  const shared = { duration: undefined, success: undefined, properties: propertiesOf(attributes), weight: weightOf(rate) }
  const message = attributes['exception.message']
  if (message !== undefined || attributes['exception.type'] !== undefined) {
    return { ...shared, type: 'Exception', columns: { 'Exception.Message': textOf(message, ''), 'Exception.StackTrace': textOf(attributes['exception.stacktrace'], ''), type: textOf(attributes['exception.type'], 'Error') } }
  }
  const event = attributes['microsoft.custom_event.name']
  if (event !== undefined) return { ...shared, type: 'Event', columns: { Name: textOf(event, '') } }
  return { ...shared, type: 'Trace', columns: { Message: typeof body === 'string' ? body : textOf(body, '') } }
}

/** @param streams the ids of the document streams that it matches */
export function documentOf ({ type, columns, duration, properties }: Item, streams: string[]): LiveDocument {
  const shared = { DocumentStreamIds: streams, Properties: keyValues(properties) }
  const text = (name: string): string => cut(columns[name], LONGEST)
  const time = `PT${((duration ?? 0) / 1_000).toFixed(7)}S`
  switch (type) {
    case 'Request': return { ...shared, DocumentType: 'Request', Name: text('Name'), Url: text('Url'), ResponseCode: columns.ResponseCode, Duration: time }
    case 'Dependency': return { ...shared, DocumentType: 'RemoteDependency', Name: text('Name'), CommandName: text('Data'), ResultCode: columns.ResultCode, Duration: time }
    case 'Exception': return { ...shared, DocumentType: 'Exception', ExceptionType: text('type'), ExceptionMessage: text('Exception.Message') }
    case 'Event': return { ...shared, DocumentType: 'Event', Name: text('Name') }
    case 'Trace': return { ...shared, DocumentType: 'Trace', Message: text('Message') }
  }
}

function keyValues (properties: Item['properties']): KeyValue[] {
  return Object.entries(properties).slice(0, MAX_PROPERTIES).map(([key, value]) => ({ key, value: cut(value, LONGEST) }))
}

function propertiesOf (attributes: Values): Record<string, string> {
  const properties: Record<string, string> = {}
  for (const [name, value] of Object.entries(attributes)) if (!NO_PROPERTY.test(name)) properties[name] = textOf(value, '')
  return properties
}

function textOf (value: unknown, otherwise: string): string {
  if (value === undefined || value === null) return otherwise
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** The name that the row has. The span's own name may be only the method. */
function callName ({ attributes, name }: ReadableSpan): string {
  const method = attributes['http.request.method'] ?? attributes['http.method']
  const url = textOf(attributes['url.full'] ?? attributes['http.url'], '')
  return method === undefined || !URL.canParse(url) ? name : `${String(method)} ${new URL(url).pathname}`
}

function weightOf (rate: unknown): number {
  return typeof rate === 'number' && rate > 0 && rate < 100 ? 100 / rate : 1
}

function targetOf (attributes: Values): string {
  const host = textOf(attributes['server.address'] ?? attributes['net.peer.name'] ?? attributes['peer.service'], '')
  const port = textOf(attributes['server.port'] ?? attributes['net.peer.port'], '')
  const target = port === '' || port === '80' || port === '443' ? host : `${host}:${port}`
  const database = textOf(attributes['db.namespace'] ?? attributes['db.name'], '')
  return database === '' ? target : target === '' ? database : `${target} | ${database}`
}

function typeOf ({ attributes, kind, parentSpanContext }: ReadableSpan): string {
  if (attributes['http.request.method'] !== undefined || attributes['http.method'] !== undefined) return 'Http'
  const database = attributes['db.system.name'] ?? attributes['db.system']
  if (database !== undefined) return textOf(database, '')
  if (attributes['rpc.system'] !== undefined) return 'GRPC'
  // 3 is PRODUCER, 0 is INTERNAL.
  if (kind === 3) return 'Queue Message'
  return kind === 0 && parentSpanContext !== undefined ? 'InProc' : ''
}

function dataOf (attributes: Values): string {
  return textOf(attributes['url.full'] ?? attributes['http.url'] ?? attributes['db.query.text'] ?? attributes['db.statement'] ?? attributes['db.operation.name'], '')
}
