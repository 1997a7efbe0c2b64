/** The rows of one operation → what was requested, what failed, what was logged and called: as data, and as text. */
import { printable } from '../emulator/line'
import type { Row } from '../emulator'

export interface StoryRequest { name: string, url?: string, status: string, success: boolean, duration: number, offset: number, role?: string, user?: string, session?: string, properties: Record<string, string> }
export interface StoryError { type: string, message: string, offset: number, logged?: string, frames: string[], omittedFrames: number, causes: string[], properties: Record<string, string> }
export interface StoryLog { offset: number, severity: string, message: string, properties: Record<string, string> }
export interface StoryCall { offset: number, name: string, target?: string, type: string, result: string, success: boolean, duration: number }

/** Offsets and durations are in milliseconds; offsets count from the operation's start. */
export interface Story {
  operationId: string
  /** ISO 8601, UTC. */
  began: string
  page: string
  failed: boolean
  /** The first is the operation's own request, the others are its hops in this or other services. */
  requests: StoryRequest[]
  errors: StoryError[]
  logs: StoryLog[]
  calls: StoryCall[]
  events: Array<{ offset: number, name: string, properties: Record<string, string> }>
  /** How many were left out because there were too many to read. */
  omitted: { logs: number, calls: number }
}

const SEVERITIES = ['verbose', 'info', 'warning', 'error', 'critical']
const MAX_FRAMES = 8
const MAX_LOGS = 40
const MAX_CALLS = 40
/** Maximum characters of a message, and of a line. */
const MAX_MESSAGE = 1_000

/** @param rows rows of one operation, in any order; at least one */
export function storyOf (operationId: string, rows: readonly Row[], page: string): Story {
  const inOrder = [...rows].sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp) || a.itemId - b.itemId)
  const began = Date.parse(inOrder[0].timestamp)
  const shared = new Set(inOrder.filter(({ type }) => type === 'request').flatMap(row => Object.entries(row.customDimensions).map(([name, value]) => `${name}=${value}`)))
  /** Properties on the request needn't be repeated on every row; nor Fastify's request number. */
  const ownProperties = ({ customDimensions }: Row): Record<string, string> =>
    Object.fromEntries(Object.entries(customDimensions).filter(([name, value]) => name !== 'reqId' && !name.startsWith('_MS.') && !shared.has(`${name}=${value}`)))
  const offset = ({ timestamp }: Row): number => Date.parse(timestamp) - began || 0
  const of = (...types: string[]): Row[] => inOrder.filter(({ type }) => types.includes(type))
  const root = isRoot(inOrder)
  const requests = of('request').sort((a, b) => Number(root(b)) - Number(root(a)))
  const logs = of('trace').map(row => ({ offset: offset(row), severity: SEVERITIES[row.severityLevel ?? 1] ?? 'info', message: short(row.message), properties: ownProperties(row) }))
  const calls = of('dependency').map(row => ({
    offset: offset(row), name: row.name ?? '', target: row.target, type: row.dependencyType ?? '', result: row.resultCode ?? '', success: row.success !== false, duration: row.duration ?? 0
  }))
  return {
    operationId,
    began: inOrder[0].timestamp,
    page,
    failed: inOrder.some(row => row.success === false || row.type === 'exception'),
    requests: requests.map(row => ({
      name: row.name ?? '',
      url: row.url,
      status: row.resultCode ?? '',
      success: row.success !== false,
      duration: row.duration ?? 0,
      offset: offset(row),
      role: row.cloud_RoleName,
      user: row.user_AuthenticatedId,
      session: row.session_Id,
      properties: row.customDimensions
    })),
    errors: of('exception').map(row => errorOf(row, offset(row), ownProperties(row))),
    // The last logs are closest to the failure.
    logs: logs.slice(-MAX_LOGS),
    calls: [...calls.filter(({ success }) => !success), ...calls.filter(({ success }) => success)].slice(0, MAX_CALLS).sort((a, b) => a.offset - b.offset),
    events: of('event').slice(0, MAX_LOGS).map(row => ({ offset: offset(row), name: row.name ?? '', properties: ownProperties(row) })),
    omitted: { logs: Math.max(0, logs.length - MAX_LOGS), calls: Math.max(0, calls.length - MAX_CALLS) }
  }
}

/** Whether a request's parent is not a row of this operation. */
function isRoot (rows: readonly Row[]): (row: Row) => boolean {
  const ids = new Set(rows.map(({ id }) => id))
  return ({ operation_ParentId: parent }) => parent === undefined || !ids.has(parent)
}

function errorOf (row: Row, offset: number, { logMessage: logged, ...properties }: Record<string, string>): StoryError {
  const stacks = (row.details ?? []).map(({ stack }) => stack ?? '')
  const lines = stacks.join('\n').split('\n')
  const all = lines.map(line => line.trim()).filter(line => line.startsWith('at '))
  const own = all.filter(line => !/[\\/]node_modules[\\/]|\(node:|at node:|\(internal\/|<anonymous>\)?$/.test(line))
  return {
    type: row.exceptionType ?? 'Error',
    message: short(row.outerMessage),
    offset,
    logged,
    frames: own.slice(0, MAX_FRAMES),
    omittedFrames: all.length - Math.min(own.length, MAX_FRAMES),
    causes: lines.map(line => line.trim()).filter(line => /^(?:\[?cause\]?:|caused by:?)/i.test(line)).map(line => line.replace(/^[^:]*:\s*/, '').replace(/\s*\{$/, '')),
    properties
  }
}

function short (text = ''): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text
}

function line (text: string): string {
  return printable(text, MAX_MESSAGE)
}

/** For a terminal, an issue or an assistant. @param paint SGR code and text → text */
export function storyText (story: Story, paint: (code: number, text: string) => string = (_, text) => text): string {
  const [root, ...hops] = story.requests
  const title = root === undefined
    ? 'An operation without a request of its own'
    : `${root.name} ${root.success ? 'succeeded' : 'failed'} with ${root.status || 'no status'} after ${milliseconds(root.duration)}`
  const about = [root?.role, story.began, `operation ${story.operationId}`].filter(text => text !== undefined).join(', ')
  const sections: Array<[title: string, lines: string[]]> = [
    ['Asked', root === undefined ? [] : askedLines(root)],
    ['Failed', story.errors.flatMap(errorLines)],
    ['Other requests of this operation', hops.map(hop => `${at(hop.offset)}  ${hop.name}  ${hop.status}${hop.success ? '' : ' failed'}  ${milliseconds(hop.duration)}  ${hop.role ?? ''}`)],
    ['Logged', [...omitted(story.omitted.logs, 'earlier line'), ...story.logs.map(log => `${at(log.offset)}  ${log.severity.padEnd(8)}  ${log.message}${fields(log.properties)}`)]],
    ['Called', [...story.calls.map(callLine), ...omitted(story.omitted.calls, 'more call')]],
    ['Events', story.events.map(event => `${at(event.offset)}  ${event.name}${fields(event.properties)}`)]
  ]
  return [
    paint(story.failed ? 31 : 32, line(title)),
    line(about),
    paint(2, story.page),
    ...sections.filter(([, lines]) => lines.length > 0).flatMap(([name, lines]) => ['', paint(1, name), ...lines.map(text => `  ${line(text)}`)])
  ].join('\n') + '\n'
}

function askedLines ({ url, user, session, properties }: StoryRequest): string[] {
  return [
    url,
    user === undefined ? undefined : `user ${user}`,
    session === undefined ? undefined : `session ${session}`,
    fields(properties).trim()
  ].filter((line): line is string => line !== undefined && line !== '')
}

function errorLines ({ type, message, offset, logged, frames, omittedFrames, causes, properties }: StoryError): string[] {
  return [
    `${at(offset)}  ${type}: ${message}`,
    ...frames.map(frame => `  ${frame}`),
    ...omitted(omittedFrames, 'frame', 'of Node.js and node_modules').map(line => `  ${line}`),
    ...causes.map(cause => `  caused by ${cause}`),
    ...(logged === undefined || logged === message ? [] : [`  logged as: ${logged}`]),
    ...(Object.keys(properties).length === 0 ? [] : [`  with${fields(properties)}`])
  ]
}

function callLine ({ offset, name, target, type, result, success, duration }: StoryCall): string {
  const where = type === 'InProc' ? 'in this process' : `${type} ${target ?? ''}`.trim()
  return `${at(offset)}  ${name}  ${where}  ${success ? result : `${result} failed`}  ${milliseconds(duration)}`
}

function omitted (count: number, what: string, which = ''): string[] {
  return count === 0 ? [] : [`(${count} ${what}${count === 1 ? '' : 's'}${which === '' ? '' : ` ${which}`} left out)`]
}

function at (offset: number): string {
  return `+${milliseconds(offset)}`.padEnd(10)
}

function milliseconds (value: number): string {
  return value >= 10_000 ? `${(value / 1_000).toFixed(1)} s` : `${value.toFixed(value < 100 ? 1 : 0)} ms`
}

const SHOWN = 10

function fields (properties: Record<string, string>): string {
  const entries = Object.entries(properties).filter(([name]) => !name.startsWith('_MS.'))
  const shown = entries.slice(0, SHOWN).map(([name, value]) => ` ${name}=${value.length > 60 ? `${value.slice(0, 60)}…` : value}`).join('')
  return shown === '' ? '' : ` ${shown}${entries.length > SHOWN ? ` (and ${entries.length - SHOWN} more)` : ''}`
}
