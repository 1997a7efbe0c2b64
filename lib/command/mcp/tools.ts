/** The emulator's tools for an assistant. All of them are read-only. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Row } from '../../emulator'
import { line } from '../../emulator/line'
import { ClientError, type EmulatorClient } from '../client'
import { compareRows, comparisonText } from '../compare'
import { tell } from '../explain'
import { storyText } from '../story'
import { table } from '../tables'
import type { Tool } from './session'

/** Maximum rows used for a comparison. */
const MAX_COMPARED = 20_000
const MAX_ROWS = 100
/** Maximum rows shown for a query: an assistant reads them all. */
const MAX_ANSWER = 200
/** Milliseconds between two checks for new rows. */
const POLL = 250

const TYPES = ['request', 'dependency', 'trace', 'exception', 'event', 'metric', 'performanceCounter', 'pageView', 'browserTiming', 'availability']
const LIMIT = { type: 'integer', minimum: 1, maximum: MAX_ROWS, description: `At most so many, newest first; ${MAX_ROWS} at most` } as const

function tool (name: string, description: string, properties: Tool['inputSchema']['properties'], required: readonly string[], run: Tool['run']): Tool {
  return { name, description, inputSchema: { type: 'object', properties, ...(required.length > 0 ? { required } : {}), additionalProperties: false }, run }
}

export function createTools (client: EmulatorClient): Tool[] {
  return [
    tool('list_failures', 'Lists what failed last: requests, outgoing calls, exceptions, and errors in the log, with their operation ids.', {
      limit: { ...LIMIT, description: `${LIMIT.description}; 20 without it` },
      role: { type: 'string', description: 'Only those of this service (cloud_RoleName)' }
    }, [], async ({ limit = 20, role }, signal) => {
      const rows = await client.rows({ failed: true, role: role as string | undefined }, limit as number, { signal })
      return { text: rows.length === 0 ? 'Nothing has failed so far.' : rows.map(withIds).join('\n'), data: { failures: rows.map(brief) } }
    }),

    tool('explain_operation', 'Tells what happened in one operation: what was asked, what failed with its stack, what was logged and called.', {
      operationId: { type: 'string', description: 'From list_failures or tail; without it, the operation that failed last' }
    }, [], async ({ operationId }, signal) => {
      const story = await tell(client, operationId as string | undefined, signal)
      return { text: storyText(story), data: story }
    }),

    tool('query', 'Runs a KQL query over the rows, as Azure\'s Logs page does. Tables: requests, dependencies, traces, exceptions, customEvents, customMetrics, availabilityResults, pageViews.', {
      kql: { type: 'string', description: 'For example: requests | where success == false | summarize count() by name, resultCode' }
    }, ['kql'], async ({ kql }, signal) => {
      const answer = await client.query(kql as string, signal)
      const shown = { columns: answer.columns, rows: answer.rows.slice(0, MAX_ANSWER) }
      const cut = answer.rows.length > MAX_ANSWER ? `The first ${MAX_ANSWER} of ${answer.rows.length} rows.\n` : ''
      return { text: cut + table(shown, 200), data: { ...shown, total: answer.rows.length } }
    }),

    tail(client),
    compare(client)
  ]
}

function tail (client: EmulatorClient): Tool {
  return tool('tail', 'Lists the newest rows, or those that arrive after a row. Send a request to the app, then tail with the last itemId to see what it did.', {
    after: { type: 'integer', minimum: 0, description: 'Only rows that arrived after this itemId' },
    limit: { ...LIMIT, description: `${LIMIT.description}; 50 without it` },
    type: { type: 'string', enum: TYPES, description: 'Only rows of this kind' },
    waitSeconds: { type: 'number', minimum: 0, maximum: 30, description: 'How long to wait for a row; 0 without it' }
  }, [], async ({ after = 0, limit = 50, type, waitSeconds = 0 }, signal) => {
    const until = Date.now() + (waitSeconds as number) * 1_000
    let rows: Row[]
    for (;;) {
      rows = (await client.rows({ type: type as string | undefined }, limit as number, { signal })).filter(({ itemId }) => itemId > (after as number))
      if (rows.length > 0 || Date.now() >= until) break
      await pause(POLL, undefined, { signal })
    }
    const last = rows[0]?.itemId ?? after
    const isCut = rows.length === limit && (after as number) > 0
    return { text: `${rows.length === 0 ? 'No rows.' : rows.map(withIds).reverse().join('\n')}${isCut ? `\nThere may be more since #${String(after)}: these are the newest ${String(limit)}.` : ''}\nLast itemId: ${last}`, data: { last, rows: rows.map(brief).reverse() } }
  })
}

function compare (client: EmulatorClient): Tool {
  return tool('compare', 'Without a snapshot, takes one. With it, compares requests and exceptions before and after: counts, failures, durations, new exceptions.', {
    snapshot: { type: 'integer', minimum: 0, description: 'What compare returned before the change' }
  }, [], async ({ snapshot }, signal) => {
    if (snapshot === undefined) {
      const [newest] = await client.rows({}, 1, { signal })
      const taken = newest?.itemId ?? 0
      return { text: `Snapshot ${taken}. Change the code, repeat the requests, then call compare with {"snapshot":${taken}}.`, data: { snapshot: taken } }
    }
    const rows = await client.rows({ type: 'request,exception' }, MAX_COMPARED, { signal })
    if (rows.length === 0) throw new ClientError('There are no requests yet')
    const comparison = compareRows(rows, snapshot as number)
    return { text: comparisonText(comparison), data: comparison }
  })
}

function withIds (row: Row): string {
  return `#${row.itemId} ${row.timestamp}  ${line(row)}${row.cloud_RoleName === undefined ? '' : `  [${row.cloud_RoleName}]`}${row.operation_Id === undefined ? '' : `  operation ${row.operation_Id}`}`
}

function brief (row: Row): object {
  const { itemId, timestamp, type, name, message, exceptionType, resultCode, success, duration, cloud_RoleName: role, operation_Id: operationId } = row
  return { itemId, timestamp, type, name, message, exceptionType, resultCode, success, duration, role, operationId }
}
