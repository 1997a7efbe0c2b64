/** The app's logger → its lines, exactly as they are written. */
import type { FastifyBaseLogger } from 'fastify'
import { findSymbol } from './internals'

/** A line as the app's own destination gets it, and what pino knew while writing it. */
export interface Line {
  /** JSON, after serializers, redaction and hooks. */
  readonly text: string
  /** The level as a number. */
  readonly level: number
  /** The line's time as written in the text, including quotes. Empty if it has none. */
  readonly time: string
  /** Formatted and prefixed, but before serializers and redaction. Use it to recognize a line, never send it. */
  readonly message: string | undefined
  /** Before redaction and without bindings. Use it to recognize objects by identity, never send it. */
  readonly object: unknown
  /** The logger that wrote it: `fastify.log`, a request's, or a child of one. */
  readonly logger: object
}

/** Gets the lines of a logger. */
export interface Subscriber {
  /** Must not throw: it runs inside the app's log call. */
  readonly onLine: (line: Line) => void
  /** If several registrations share a logger: whether the line that `logger` is writing belongs to this subscriber. */
  readonly claims: (logger: object) => boolean
}

export interface Tap {
  /** Adds a logger that has its own destination. */
  readonly follow: (logger: object) => void
  readonly stop: () => void
}

const METADATA = Symbol.for('pino.metadata')
const OUR_STREAM = Symbol('fastify-app-insights.stream')

// More than 0 while a destination is writing synchronously.
let writing = 0

/** Whether the app's destination is just getting a line that we report. Anything that it emits now is a copy of that line. */
export function isWriting (): boolean {
  return writing > 0
}

interface Stream {
  write: (line: string) => unknown
  lastLevel?: number | undefined
  lastObj?: unknown
  lastMsg?: unknown
  lastTime?: string | undefined
  lastLogger?: object | undefined
  [METADATA]?: boolean
}

interface Subscription extends Subscriber { readonly logger: object, isCancelled: boolean }
interface OurStream extends Stream { [OUR_STREAM]: { original: Stream, subscriptions: Subscription[] } }

/**
 * Gives `subscriber` every line of `logger`, of the logger that it comes from and of all their children, including existing
 * ones, after the app's own destination has got it. If several apps share a logger, each line goes to one of them.
 * @returns undefined if the logger is not pino
 */
export function tap (logger: FastifyBaseLogger, subscriber: Subscriber): Tap | undefined {
  const symbol = findSymbol(logger, 'pino.stream')
  const place = symbol === undefined ? undefined : placeOf(logger, symbol)
  if (place === undefined) return undefined
  const subscription: Subscription = { logger, isCancelled: false, onLine: subscriber.onLine, claims: subscriber.claims }
  const stream = subscribe(place.owner, place.symbol, subscription)
  return {
    follow (other) {
      // The usual case, on every request.
      if ((other as Record<symbol, unknown>)[place.symbol] === stream) return
      const otherSymbol = findSymbol(other, 'pino.stream')
      const otherPlace = otherSymbol === undefined ? undefined : placeOf(other, otherSymbol)
      if (otherPlace !== undefined) subscribe(otherPlace.owner, otherPlace.symbol, subscription)
    },
    stop () {
      subscription.isCancelled = true
      unsubscribe(place.owner, place.symbol)
    }
  }
}

/** Finds the logger that owns the destination. Its children inherit it. */
function placeOf (logger: object, symbol: symbol): { owner: Record<symbol, Stream>, symbol: symbol } | undefined {
  let owner: object | null = logger
  while (owner !== null && !Object.hasOwn(owner, symbol)) owner = Object.getPrototypeOf(owner) as object | null
  const stream = (owner as Record<symbol, Stream | undefined> | null)?.[symbol]
  return typeof stream?.write === 'function' ? { owner: owner as Record<symbol, Stream>, symbol } : undefined
}

function isOurs (stream: Stream | undefined): stream is OurStream {
  return stream !== undefined && Object.hasOwn(stream, OUR_STREAM)
}

function subscribe (owner: Record<symbol, Stream>, symbol: symbol, subscription: Subscription): Stream {
  const current = owner[symbol]!
  if (!isOurs(current)) return (owner[symbol] = createStream(current, subscription))
  const shared = current[OUR_STREAM]
  if (!shared.subscriptions.includes(subscription)) shared.subscriptions = [...shared.subscriptions.filter(other => !other.isCancelled), subscription]
  return current
}

function unsubscribe (owner: Record<symbol, Stream>, symbol: symbol): void {
  const current = owner[symbol]
  // If other code has wrapped our stream, we can't remove it. It then only passes lines on.
  if (!isOurs(current)) return
  const shared = current[OUR_STREAM]
  shared.subscriptions = shared.subscriptions.filter(each => !each.isCancelled)
  if (shared.subscriptions.length === 0) owner[symbol] = shared.original
}

function createStream (original: Stream, first: Subscription): OurStream {
  const wantsMetadata = original[METADATA] === true
  const shared = { original, subscriptions: [first] }
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
      // Release the line's objects now, and not with the next line.
      own.lastObj = undefined
      own.lastMsg = undefined
      own.lastLogger = undefined
      writing++
      try {
        return original.write(text)
      } finally {
        writing--
        // Without a logger, the line doesn't come from pino.
        if (lastLogger !== undefined) dispatch(shared.subscriptions, { text, level: lastLevel!, time: lastTime ?? '', message: typeof lastMsg === 'string' ? lastMsg : undefined, object: lastObj, logger: lastLogger })
      }
    }
  }
  // Everything else that a destination can do (flush, end, on, …) goes to the original.
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

function dispatch (subscriptions: Subscription[], line: Line): void {
  const subscription = subscriptions.length === 1 ? subscriptions[0]! : select(subscriptions, line.logger)
  if (subscription !== undefined && !subscription.isCancelled) subscription.onLine(line)
}

/**
 * Picks the app that owns the logger; plugins of one app may each have registered ours. Then the one whose request it is, by
 * the logger or by the context, or else the first: a line must not end up in another one's resource.
 */
function select (subscriptions: Subscription[], logger: object): Subscription | undefined {
  const active = subscriptions.filter(each => !each.isCancelled)
  const owners = active.filter(each => each.logger === logger || Object.prototype.isPrototypeOf.call(each.logger, logger))
  const candidates = owners.length > 0 ? owners : active
  return candidates.find(each => each.claims(logger)) ?? candidates[0]
}
