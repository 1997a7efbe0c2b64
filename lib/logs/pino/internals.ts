/** What pino keeps to itself → what we have to know of a logger: its levels, keys, bindings. */
import { hostname } from 'node:os'
import type { FastifyBaseLogger } from 'fastify'
import type { LineFormat } from '../../rows/line'

const HOSTNAME = hostname()

// Each copy of pino has its own symbols, with the same descriptions.
export function findSymbol (object: object, description: string): symbol | undefined {
  for (let owner: object | null = object; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const found = Object.getOwnPropertySymbols(owner).find(symbol => symbol.description === description)
    if (found !== undefined) return found
  }
}

/** What pino keeps under one of its symbols. */
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

/** Level names to values, custom ones included; empty where the logger is not pino. */
export function levelsOf (logger: object): Readonly<Record<string, number>> {
  return (logger as { levels?: { values?: Record<string, number> } }).levels?.values ?? NO_LEVELS
}

/** Whether a line of level `current` is written where `wanted` is the level set: inverted levels compare otherwise. */
export function comparisonOf (logger: object): (current: number, wanted: number) => boolean {
  const comparison = internal(logger, 'pino.levelComp')
  return typeof comparison === 'function'
    ? (current, wanted) => comparison(current, wanted) !== false
    : (current, wanted) => current >= wanted
}

/** What a logger's own bindings add to each of its lines, as a part of JSON. */
export function bindingsOf (logger: object): string {
  const bindings = internal(logger, 'pino.chindings')
  return typeof bindings === 'string' ? bindings : ''
}

/** Tells whether a logger's own bindings name this request, so that it is not one logger for all of them. */
export function createBindingCheck (): (logger: object, requestId: string) => boolean {
  // Asked with every request, and most apps have one copy of pino.
  let symbol: symbol | undefined
  return (logger, requestId) => {
    if (symbol === undefined || !(symbol in logger)) symbol = findSymbol(logger, 'pino.chindings')
    const bindings = symbol === undefined ? undefined : (logger as Record<symbol, unknown>)[symbol]
    // Fastify's own way to make the logger binds nothing after the id.
    return typeof bindings === 'string' && (bindings.endsWith(`"${requestId}"`) || bindings.includes(JSON.stringify(requestId)))
  }
}

const kQuiet = Symbol('fastify-app-insights.quiet')

/** A logger for what the plugin itself has to say: its lines are not telemetry. */
export function quietChild (logger: FastifyBaseLogger): FastifyBaseLogger {
  const child = logger.child({})
  if (child !== logger) Object.defineProperty(child, kQuiet, { value: true })
  return child
}

export function isQuiet (logger: object): boolean {
  return kQuiet in logger
}
