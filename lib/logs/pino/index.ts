/** The app's logger → its lines, exactly as they are written. */
import { hostname } from 'node:os'
import type { FastifyBaseLogger } from 'fastify'
import type { LineFormat } from '../line'

/** A line as it goes to the app's own destination, and what pino knew while it wrote it. */
export interface Line {
  /** JSON, after serializers, redaction and hooks. */
  readonly text: string
  /** The level's value. */
  readonly level: number
  /** The line's time as it stands in the text, quotes included; empty where there is none. */
  readonly time: string
  /** Formatted and prefixed, before serializers and redaction: to recognise a line, never to send. */
  readonly message: string | undefined
  /** Before redaction and without bindings: to recognise objects by identity, never to send. */
  readonly object: unknown
  /** The logger that wrote it: `fastify.log`, a request's, or a child of one. */
  readonly logger: object
}

/** Who takes the lines of a logger. */
export interface Taker {
  /** Must not throw: it runs inside the app's log call. */
  readonly take: (line: Line) => void
  /** Whether a line of a logger that several apps share belongs here. */
  readonly claims: () => boolean
}

export interface Tap {
  /** Takes the lines of a logger with a destination of its own as well. */
  readonly follow: (logger: object) => void
  readonly stop: () => void
}

const HOSTNAME = hostname()
const METADATA = Symbol.for('pino.metadata')
const OUR_STREAM = Symbol('fastify-app-insights.stream')

interface Stream {
  write: (line: string) => unknown
  lastLevel?: number | undefined
  lastObj?: unknown
  lastMsg?: unknown
  lastTime?: string | undefined
  lastLogger?: object | undefined
  [METADATA]?: boolean
}

interface Seat extends Taker { readonly logger: object, left: boolean }
interface OurStream extends Stream { [OUR_STREAM]: { original: Stream, seats: Seat[] } }

// Every copy of pino has symbols of its own, of the same description.
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

/**
 * Hands every line of `logger`, of the logger it comes from and of all their children, older ones too, to `taker`,
 * when the app's own destination has had it. A logger that several apps share hands each line to one of them.
 * @returns undefined where the logger is not pino
 */
export function tap (logger: FastifyBaseLogger, taker: Taker): Tap | undefined {
  const symbol = findSymbol(logger, 'pino.stream')
  const place = symbol === undefined ? undefined : placeOf(logger, symbol)
  if (place === undefined) return undefined
  const seat: Seat = { logger, left: false, take: taker.take, claims: taker.claims }
  const stream = sit(place.owner, place.symbol, seat)
  return {
    follow (other) {
      // The usual case, and one that is met with every request.
      if ((other as Record<symbol, unknown>)[place.symbol] === stream) return
      const otherSymbol = findSymbol(other, 'pino.stream')
      const otherPlace = otherSymbol === undefined ? undefined : placeOf(other, otherSymbol)
      if (otherPlace !== undefined) sit(otherPlace.owner, otherPlace.symbol, seat)
    },
    stop () {
      seat.left = true
      leave(place.owner, place.symbol)
    }
  }
}

/** The logger that has the destination: the children inherit it. */
function placeOf (logger: object, symbol: symbol): { owner: Record<symbol, Stream>, symbol: symbol } | undefined {
  let owner: object | null = logger
  while (owner !== null && !Object.hasOwn(owner, symbol)) owner = Object.getPrototypeOf(owner) as object | null
  const stream = (owner as Record<symbol, Stream | undefined> | null)?.[symbol]
  return typeof stream?.write === 'function' ? { owner: owner as Record<symbol, Stream>, symbol } : undefined
}

function isOurs (stream: Stream | undefined): stream is OurStream {
  return stream !== undefined && Object.hasOwn(stream, OUR_STREAM)
}

function sit (owner: Record<symbol, Stream>, symbol: symbol, seat: Seat): Stream {
  const current = owner[symbol]!
  if (!isOurs(current)) return (owner[symbol] = between(current, seat))
  const shared = current[OUR_STREAM]
  if (!shared.seats.includes(seat)) shared.seats = [...shared.seats.filter(other => !other.left), seat]
  return current
}

function leave (owner: Record<symbol, Stream>, symbol: symbol): void {
  const current = owner[symbol]
  // Somebody else may stand between by now: then ours only passes on.
  if (!isOurs(current)) return
  const shared = current[OUR_STREAM]
  shared.seats = shared.seats.filter(seat => !seat.left)
  if (shared.seats.length === 0) owner[symbol] = shared.original
}

function between (original: Stream, first: Seat): OurStream {
  const wantsMetadata = original[METADATA] === true
  const shared = { original, seats: [first] }
  const own: OurStream = {
    [METADATA]: true,
    [OUR_STREAM]: shared,
    lastLevel: 0,
    lastObj: undefined,
    lastMsg: undefined,
    lastTime: undefined,
    lastLogger: undefined,
    write (text: string) {
      const { lastLevel, lastObj, lastMsg, lastTime, lastLogger } = own
      if (wantsMetadata) {
        original.lastLevel = lastLevel
        original.lastObj = lastObj
        original.lastMsg = lastMsg
        original.lastTime = lastTime
        original.lastLogger = lastLogger
      }
      // What a line refers to must not live on until the next one.
      own.lastObj = undefined
      own.lastMsg = undefined
      own.lastLogger = undefined
      try {
        return original.write(text)
      } finally {
        // Without a logger it is no line of pino's.
        if (lastLogger !== undefined) hand(shared.seats, { text, level: lastLevel!, time: lastTime ?? '', message: typeof lastMsg === 'string' ? lastMsg : undefined, object: lastObj, logger: lastLogger })
      }
    }
  }
  // Everything else a destination can do (flush, end, on, …) is still the original's.
  return Object.setPrototypeOf(own, new Proxy(original, {
    get (target, name) {
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
    set (target, name, value) {
      return Reflect.set(target, name, value, target)
    }
  })) as OurStream
}

function hand (seats: Seat[], line: Line): void {
  const seat = seats.length === 1 ? seats[0]! : choose(seats, line.logger)
  if (seat !== undefined && !seat.left) seat.take(line)
}

/** The app whose logger it is, else the one whose request is running, else the first. */
function choose (seats: Seat[], logger: object): Seat | undefined {
  const there = seats.filter(seat => !seat.left)
  return there.find(seat => seat.logger === logger || Object.prototype.isPrototypeOf.call(seat.logger, logger)) ??
    there.find(seat => seat.claims()) ?? there[0]
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
