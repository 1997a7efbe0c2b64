/** A logger's level → OpenTelemetry's severity. */
import type { SeverityNumber } from '@opentelemetry/api-logs'
import { Severity } from '../rows/severity'
import { comparisonOf, levelsOf } from './pino/internals'

const NAMED: Readonly<Record<string, SeverityNumber>> = Object.freeze({
  trace: Severity.TRACE,
  silly: Severity.TRACE,
  verbose: Severity.TRACE,
  debug: Severity.DEBUG,
  info: Severity.INFO,
  http: Severity.INFO,
  notice: Severity.INFO2,
  warn: Severity.WARN,
  warning: Severity.WARN,
  error: Severity.ERROR,
  err: Severity.ERROR,
  fatal: Severity.FATAL,
  crit: Severity.FATAL,
  critical: Severity.FATAL,
  alert: Severity.FATAL,
  emerg: Severity.FATAL,
  emergency: Severity.FATAL
})

/** The severity that a level's name stands for; undefined if it isn't a common name. */
export function severityOfName (name: unknown): SeverityNumber | undefined {
  return typeof name === 'string' && Object.hasOwn(NAMED, name.toLowerCase()) ? NAMED[name.toLowerCase()] : undefined
}

const RANKS = [Severity.TRACE, Severity.DEBUG, Severity.INFO, Severity.WARN, Severity.ERROR, Severity.FATAL]

/**
 * A level with a common name gets the severity of that name. Any other level gets that of the next common level below it, or
 * above it if there is none below, in the logger's own order, which may be inverted. If the logger has no common names, its
  * values are read on pino's scale if they fit, or else each level counts by its place among the others.
 */
export function createSeverities (): (logger: object, level: number) => SeverityNumber {
  // A child logger may have its own levels.
  const known = new WeakMap<object, Map<number, SeverityNumber>>()
  return (logger, level) => {
    const levels = levelsOf(logger)
    let severities = known.get(levels)
    if (severities === undefined) known.set(levels, severities = severitiesOf(logger, levels))
    return severities.get(level) ?? byValue(level)
  }
}

function severitiesOf (logger: object, levels: Readonly<Record<string, number>>): Map<number, SeverityNumber> {
  const isAtLeast = comparisonOf(logger)
  // Least severe first.
  const ordered = Object.entries(levels)
    .filter(([, value]) => Number.isFinite(value))
    .sort(([, a], [, b]) => a === b ? 0 : isAtLeast(a, b) ? 1 : -1)
  const named = ordered.map(([name]) => severityOfName(name))
  const isOnScale = ordered.every(([, value]) => value >= 10 && value < 70) && ordered.every(([, value], i) => i === 0 || value >= ordered[i - 1]![1])
  const severities = new Map<number, SeverityNumber>()
  for (const [i, [, value]] of ordered.entries()) {
    const nearest = named.slice(0, i + 1).findLast(severity => severity !== undefined) ?? named.slice(i).find(severity => severity !== undefined)
    const ranked = RANKS[Math.round(i / Math.max(1, ordered.length - 1) * (RANKS.length - 1))]!
    severities.set(value, nearest ?? (isOnScale ? byValue(value) : ranked))
  }
  return severities
}

function byValue (level: number): SeverityNumber {
  return RANKS[Math.min(RANKS.length, Math.max(1, Math.floor(level / 10))) - 1] ?? Severity.INFO
}
