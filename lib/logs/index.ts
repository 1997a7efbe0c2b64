/** The app's logger → the lines to report, each one once and in the operation that it belongs to. */
import type { FastifyBaseLogger } from 'fastify'
import { FAI_ERR_OPTION_INVALID } from '../errors'
import type { LogsConfig } from '../options'
import { context } from '../tracing/context'
import { type Owner, operationOf } from '../tracing/operation'
import { messageOf } from '../warnings'
import { type EarlyLines, createEarlyLines } from './early'
import { fastifyLine } from './line-error'
import { type ErrorSink, type LineSink, LineReporter, operationOfLogger } from './line-reporter'
import { type Line, type Tap, tap } from './pino'
import { comparisonOf, formatOf, isQuiet, levelsOf } from './pino/internals'
import { streamHook } from './pino/render'
import type { Redaction } from './pino/serialized-error'

export interface LogCollector extends Tap {
  /** Reports a request's earlier lines, now that it has its operation. */
  readonly release: EarlyLines['release']
  /** Reports all waiting lines, because the process or the app is ending. */
  readonly releaseAll: () => void
}

export interface LogSources {
  readonly logger: FastifyBaseLogger
  /** The field with the request's id in the lines of Fastify's request loggers. */
  readonly requestIdLabel: string
  readonly telemetry: LineSink & Owner
  readonly exceptions: ErrorSink | undefined
  readonly redaction: Redaction
  readonly warn: (message: string) => void
}

/**
 * @param logs `false` reports only errors
 * @returns undefined if the logger is off or not pino
 * @throws FAI_ERR_OPTION_INVALID if `logs.level` is not a level of this logger
 */
export function collectLogs (logs: LogsConfig | false, { logger, requestIdLabel, telemetry, exceptions, redaction, warn }: LogSources): LogCollector | undefined {
  const isWanted = createThreshold(logger, logs)
  const skipsRequestLines = logs === false || !logs.requestLogs
  const reporter = new LineReporter({ format: formatOf(logger), logs, telemetry, exceptions, redaction, mustParse: streamHook(logger) !== undefined })
  const early = createEarlyLines(logger, requestIdLabel, line => guarded(line, reportNow))

  // An error in here must not reach the app's log call.
  function guarded (line: Line, report: (line: Line) => void): void {
    try {
      report(line)
    } catch (error) {
      warn(`A log line could not be reported: ${messageOf(error)}`)
    }
  }

  function reportNow (line: Line): void {
    reporter.report(line)
  }

  function reportOrHold (line: Line): void {
    if (!isWanted(line.level) || isQuiet(line.logger)) return
    if (skipsRequestLines && fastifyLine(line) !== undefined) return
    const isEarly = operationOfLogger(line.logger) === undefined && operationOf(context.active()) === undefined
    if (!isEarly || !early.buffer(line)) reporter.report(line)
  }

  const tapped = tap(logger, { onLine: line => guarded(line, reportOrHold), claims: writer => (operationOfLogger(writer) ?? operationOf(context.active()))?.owner === telemetry })
  if (tapped === undefined) return undefined
  return {
    follow: tapped.follow,
    release: early.release,
    releaseAll: early.releaseAll,
    stop () {
      early.releaseAll()
      tapped.stop()
    }
  }
}

function createThreshold (logger: FastifyBaseLogger, options: LogsConfig | false): (level: number) => boolean {
  if (options === false || options.level === undefined) return () => true
  const levels = levelsOf(logger)
  const names = Object.keys(levels)
  // A logger that is off has no levels, and writes no lines.
  if (names.length === 0) return () => true
  if (options.level === 'silent') return () => false
  if (!names.includes(options.level)) throw new FAI_ERR_OPTION_INVALID('logs.level', `a level of the app's logger (${names.join(', ')})`)
  const lowest = levels[options.level]!
  const isEnabled = comparisonOf(logger)
  return level => isEnabled(level, lowest)
}
