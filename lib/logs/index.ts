/** The app's logger → the lines that are wanted, each reported once, in the operation that it belongs to. */
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
  /** A request has its operation: its earlier lines are reported now. */
  readonly release: EarlyLines['release']
  /** The process or the app ends: nothing waits any longer. */
  readonly releaseAll: () => void
}

export interface LogSources {
  readonly logger: FastifyBaseLogger
  /** The field in which Fastify's loggers of requests carry the request's id. */
  readonly requestIdLabel: string
  readonly telemetry: LineSink & Owner
  readonly exceptions: ErrorSink | undefined
  readonly redaction: Redaction
  readonly warn: (message: string) => void
}

/**
 * @param logs `false` reports nothing but errors
 * @returns undefined where the logger is off or not pino
 * @throws FAI_ERR_OPTION_INVALID where `logs.level` is no level of this logger
 */
export function collectLogs (logs: LogsConfig | false, { logger, requestIdLabel, telemetry, exceptions, redaction, warn }: LogSources): LogCollector | undefined {
  const isWanted = createThreshold(logger, logs)
  const skipsRequestLines = logs === false || !logs.requestLogs
  const reporter = new LineReporter({ format: formatOf(logger), logs, telemetry, exceptions, redaction, mustParse: streamHook(logger) !== undefined })
  const early = createEarlyLines(logger, requestIdLabel, line => guarded(line, reportNow))

  // Whatever goes wrong here must not reach the app's log call.
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

  const tapped = tap(logger, { onLine: line => guarded(line, reportOrHold), claims: () => operationOf(context.active())?.owner === telemetry })
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
  // Without a logger there are no levels, and no lines to choose from.
  if (names.length === 0) return () => true
  if (options.level === 'silent') return () => false
  if (!names.includes(options.level)) throw new FAI_ERR_OPTION_INVALID('logs.level', `a level of the app's logger (${names.join(', ')})`)
  const lowest = levels[options.level]!
  const isEnabled = comparisonOf(logger)
  return level => isEnabled(level, lowest)
}
