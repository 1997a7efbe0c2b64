/** pino's internals → what we need to know about a logger: its levels, keys and bindings. */
import { hostname } from 'node:os'
import type { FastifyBaseLogger } from 'fastify'
import { attempt } from '../../rows/hostile'
import type { LineFormat } from '../../rows/line'

const HOSTNAME = hostname()

// Each copy of pino has its own symbols, with the same descriptions.
export function findSymbol (object: object, description: string): symbol | undefined {
  for (let owner: object | null = object; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const found = Object.getOwnPropertySymbols(owner).find(symbol => symbol.description === description)
    if (found !== undefined) return found
  }
}

/** The value that pino, or Fastify, keeps under one of its symbols. */
export function internal (object: object, description: string): unknown {
  const symbol = findSymbol(object, description)
  return symbol === undefined ? undefined : (object as Record<symbol, unknown>)[symbol]
}

export function formatOf (logger: object): LineFormat {
  const text = (description: string, otherwise: string): string => {
    const value = internal(logger, description)
    return typeof value === 'string' && value !== '' ? value : otherwise
  }
  const nestedKey = text('pino.nestedKey', '')
  return {
    messageKey: text('pino.messageKey', 'msg'),
    errorKey: text('pino.errorKey', 'err'),
    nestedKey: nestedKey === '' ? undefined : nestedKey,
    levels: levelsOf(logger),
    pid: process.pid,
    hostname: HOSTNAME
  }
}

const NO_LEVELS: Readonly<Record<string, number>> = Object.freeze({})

/** Level names to values, including custom levels. Empty if the logger isn't pino. */
export function levelsOf (logger: object): Readonly<Record<string, number>> {
  return (logger as { levels?: { values?: Record<string, number> } }).levels?.values ?? NO_LEVELS
}

/** Tells whether a line of level `current` is written if the logger's level is `wanted`. Inverted levels compare the other way round. */
export function comparisonOf (logger: object): (current: number, wanted: number) => boolean {
  const comparison = internal(logger, 'pino.levelComp')
  return typeof comparison === 'function'
    ? (current, wanted) => comparison(current, wanted) !== false
    : (current, wanted) => current >= wanted
}

/** The fragment of JSON that a logger's bindings add to each of its lines. */
export function bindingsOf (logger: object): string {
  const bindings = internal(logger, 'pino.chindings')
  return typeof bindings === 'string' ? bindings : ''
}

/** Tells whether a logger's bindings contain this request's id. If not, all requests may share the logger. */
export function createBindingCheck (): (logger: object, requestId: unknown) => boolean {
  // Cached, because every request needs it and most apps have only one copy of pino.
  let symbol: symbol | undefined
  return (logger, requestId) => {
    if (symbol === undefined || !(symbol in logger)) symbol = findSymbol(logger, 'pino.chindings')
    const bindings = symbol === undefined ? undefined : (logger as Record<symbol, unknown>)[symbol]
    if (typeof bindings !== 'string') return false
    // By default, Fastify creates the logger without bindings after the id.
    if (typeof requestId === 'string') return bindings.endsWith(`"${requestId}"`) || bindings.includes(JSON.stringify(requestId))
    // pino writes these without quotes. The app's function may also return anything else, which isn't worth looking for.
    return (typeof requestId === 'number' || typeof requestId === 'bigint') && `${bindings},`.includes(`:${requestId},`)
  }
}

const kQuiet = Symbol('fastify-app-insights.quiet')
// The app's logger may be frozen.
const quiet = new WeakSet<object>()

/** A logger for the plugin's own messages, which don't become telemetry. */
export function quietChild (logger: FastifyBaseLogger): FastifyBaseLogger {
  const child = logger.child({})
  if (child !== logger && !attempt(() => Object.defineProperty(child, kQuiet, { value: true }))) quiet.add(child)
  return child
}

export function isQuiet (logger: object): boolean {
  return kQuiet in logger || quiet.has(logger)
}
