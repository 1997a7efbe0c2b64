/** Lines that a request's logger writes before the request has its operation → buffered until it has one, for a limited time. */
import { type Context } from '@opentelemetry/api'
import { context } from '../tracing/context'
import type { Line } from './pino'
import { bindingsOf } from './pino/internals'

export interface EarlyLines {
  /** @returns false if the line needs no buffering, or the buffer is full */
  readonly buffer: (line: Line) => boolean
  /** Reports the lines of a request's logger, now that the request has an operation, in that operation's context. */
  readonly release: (requestLogger: object, where: Context) => void
  /** Reports all buffered lines. */
  readonly releaseAll: () => void
}

interface BufferedLine { readonly line: Line, readonly where: Context }

// A hook before ours may wait for another service. A request without an operation by then won't get one.
const LONGEST_WAIT = 5_000 // milliseconds
const MAX_LINES = 1_000

/**
 * @param appLogger the logger that Fastify creates requests' loggers from
 * @param label the name of the field with the request's id
 * @param record must not throw
 */
export function createEarlyLines (appLogger: object, label: string, record: (line: Line) => void): EarlyLines {
  const buffered = new Map<object, BufferedLine[]>()
  // Loggers that have this field but don't belong to a request.
  const others = new WeakSet<object>()
  const binding = `${JSON.stringify(label)}:`
  let count = 0
  let timer: NodeJS.Timeout | undefined

  function buffer (line: Line): boolean {
    const logger = requestLoggerOf(line.logger)
    if (logger === undefined || others.has(logger) || count >= MAX_LINES) return false
    const lines = buffered.get(logger)
    if (lines === undefined) buffered.set(logger, [{ line, where: context.active() }])
    else lines.push({ line, where: context.active() })
    count++
    timer ??= setTimeout(giveUp, LONGEST_WAIT).unref()
    return true
  }

  /** A request's logger is a child of the app's logger, and may have children that the app has created. */
  function requestLoggerOf (logger: object): object | undefined {
    for (let child = logger; child !== appLogger;) {
      const parent = Object.getPrototypeOf(child) as object | null
      if (parent === null) return undefined
      if (parent === appLogger) return bindingsOf(child).includes(binding) ? child : undefined
      child = parent
    }
    return undefined
  }

  function take (logger: object): readonly BufferedLine[] {
    const lines = buffered.get(logger) ?? []
    buffered.delete(logger)
    count -= lines.length
    return lines
  }

  function giveUp (): void {
    timer = undefined
    for (const logger of buffered.keys()) others.add(logger)
    releaseAll()
  }

  function releaseAll (): void {
    for (const logger of [...buffered.keys()]) {
      for (const { line, where } of take(logger)) context.with(where, record, undefined, line)
    }
  }

  return {
    buffer,
    release (requestLogger, where) {
      if (buffered.size === 0) return
      for (const { line } of take(requestLogger)) context.with(where, record, undefined, line)
    },
    releaseAll () {
      clearTimeout(timer)
      timer = undefined
      releaseAll()
    }
  }
}
