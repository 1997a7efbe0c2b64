/** Failed rows → what Failures shows: problems, result codes, operations and calls, each with its reach and latest time. */
import { isFailed, type Query } from './query'
import { binsFor, countOver, groupBy, weight, type Bins } from './series'
import type { Kept } from './store'

/** client: 4xx. server: 5xx. other: not an HTTP status, or one that usually means success. */
export type CodeClass = 'client' | 'server' | 'other'

/** Values that every table on the page can be sorted by. */
export interface Reach {
  /** How many the rows stand for, sampling included. */
  count: number
  /** Affected operations: a loop that fails a hundred times in one request counts once. */
  operations: number
  users: number
  /** Milliseconds since 1970. */
  lastSeen: number
  /** Id of the latest row. */
  example: number
}

export interface ProblemSum extends Reach {
  exceptionType: string
  /** The latest message, as written. */
  message: string
  /** What all messages have in common, with `*` for the parts that vary. */
  pattern: string
  problemId: string
  over: number[]
}

export interface CodeSum extends Reach { type: string, resultCode: string, class: CodeClass }
export interface FailedOperation extends Reach { name: string, role: string, failed: number, server: number, client: number }
export interface FailedCall extends Reach { name: string, target: string, resultCode: string, role: string }

export interface FailureSums {
  bins: Bins
  total: number
  failed: number
  classes: Record<CodeClass, number>
  /** Requests over time: successful ones, and failed ones by class. */
  over: { ok: number[], client: number[], server: number[], other: number[] }
  problems: ProblemSum[]
  codes: CodeSum[]
  operations: FailedOperation[]
  calls: FailedCall[]
}

const MOST = 500

export function failureSums (records: Kept[], query: Query): FailureSums {
  const bins = binsFor(records, query)
  const requests = records.filter(({ type }) => type === 'request')
  const failed = requests.filter(isFailed)
  const failedCalls = records.filter(record => record.type === 'dependency' && record.success === false)
  const ofClass = (wanted: CodeClass) => failed.filter(record => classOf(record) === wanted)
  const classes = { client: ofClass('client'), server: ofClass('server'), other: ofClass('other') }
  return {
    bins,
    total: weight(requests),
    failed: weight(failed),
    classes: { client: weight(classes.client), server: weight(classes.server), other: weight(classes.other) },
    over: {
      ok: countOver(requests.filter(record => !isFailed(record)), bins),
      client: countOver(classes.client, bins),
      server: countOver(classes.server, bins),
      other: countOver(classes.other, bins)
    },
    problems: problems(records, bins),
    codes: largest(groupBy([...failed, ...failedCalls], record => [record.type, record.resultCode]).map(rows => ({
      type: rows[0].type, resultCode: rows[0].resultCode ?? '', class: classOf(rows[0]), ...reach(rows)
    }))),
    operations: failedOperations(requests, failed),
    calls: largest(groupBy(failedCalls, record => [record.name, record.target, record.resultCode, record.cloud_RoleName]).map(rows => ({
      name: rows[0].name ?? '', target: rows[0].target ?? '', resultCode: rows[0].resultCode ?? '', role: rows[0].cloud_RoleName ?? '', ...reach(rows)
    })))
  }
}

export function classOf ({ resultCode = '' }: Pick<Kept, 'resultCode'>): CodeClass {
  return /^4\d\d$/.test(resultCode) ? 'client' : /^5\d\d$/.test(resultCode) ? 'server' : 'other'
}

function problems (records: Kept[], bins: Bins): ProblemSum[] {
  const exceptions = records.filter(({ type }) => type === 'exception')
  return largest(groupBy(exceptions, record => [record.exceptionType, patternOf(record.message ?? ''), record.problemId]).map(rows => {
    const latest = rows[rows.length - 1]
    return {
      exceptionType: latest.exceptionType ?? '',
      message: latest.message ?? '',
      pattern: patternOf(latest.message ?? ''),
      problemId: latest.problemId ?? '',
      over: countOver(rows, bins),
      ...reach(rows)
    }
  }))
}

function failedOperations (requests: Kept[], failed: Kept[]): FailedOperation[] {
  const by = (record: Kept) => [record.name, record.cloud_RoleName]
  const all = new Map(groupBy(requests, by).map(rows => [JSON.stringify(by(rows[0])), weight(rows)]))
  return largest(groupBy(failed, by).map(rows => {
    const { count, ...rest } = reach(rows)
    return {
      name: rows[0].name ?? '',
      role: rows[0].cloud_RoleName ?? '',
      ...rest,
      count: all.get(JSON.stringify(by(rows[0]))) ?? count,
      failed: count,
      server: weight(rows.filter(record => classOf(record) === 'server')),
      client: weight(rows.filter(record => classOf(record) === 'client'))
    }
  }))
}

function reach (rows: Kept[]): Reach {
  let latest = rows[0]
  for (const row of rows) if (row.time >= latest.time) latest = row
  return {
    count: weight(rows),
    operations: distinct(rows, row => row.operation_Id),
    users: distinct(rows, row => row.user),
    lastSeen: latest.time,
    example: latest.itemId
  }
}

function distinct (rows: Kept[], of: (row: Kept) => string | undefined): number {
  const seen = new Set<string>()
  for (const row of rows) {
    const value = of(row)
    if (value !== undefined) seen.add(value)
  }
  return seen.size
}

function largest<T extends Reach> (sums: T[]): T[] {
  return sums.sort((a, b) => b.count - a.count || b.lastSeen - a.lastSeen).slice(0, MOST)
}

// Ids, addresses, quoted words and numbers vary between occurrences of the same problem.
const VARIES = /"[^"]*"|'[^']*'|`[^`]*`|\bhttps?:\/\/[^\s"']+|\S+@\S+\.\S+|\b(?=[\w-]*\d)[\da-f][\w-]{7,}\b|\d+(?:[.,:]\d+)*/gi

/** `only 10 copies of book 3 are left` → `only * copies of book * are left`. */
export function patternOf (message: string): string {
  const text = message.endsWith('…') ? `${message.slice(0, -1)}*` : message
  return text.replace(VARIES, '*').replace(/\*(?:\*)+/g, '*')
}
