/** The app's logger → its lines, exactly as they are written. */
import type { FastifyBaseLogger } from 'fastify'
import { findSymbol } from './internals'

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

/** Gets the lines of a logger. */
export interface Subscriber {
  /** Must not throw: it runs inside the app's log call. */
  readonly onLine: (line: Line) => void
  /** Whether a line of a logger that several apps share belongs here. */
  readonly claims: () => boolean
}

export interface Tap {
  /** Adds a logger that has its own destination. */
  readonly follow: (logger: object) => void
  readonly stop: () => void
}

const METADATA = Symbol.for('pino.metadata')
const OUR_STREAM = Symbol('fastify-app-insights.stream')

// Destinations that write at once are in the middle of it.
let writing = 0

/** Whether a destination of the app's is being handed a line that we take: what it makes of it is a copy of that line. */
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
 * Gives every line of `logger`, of the logger it comes from and of all their children, older ones too, to `subscriber`
 * once the app's own destination has had it. Where several apps share a logger, each line goes to one of them.
 * @returns undefined where the logger is not pino
 */
export function tap (logger: FastifyBaseLogger, subscriber: Subscriber): Tap | undefined {
  const symbol = findSymbol(logger, 'pino.stream')
  const place = symbol === undefined ? undefined : placeOf(logger, symbol)
  if (place === undefined) return undefined
  const subscription: Subscription = { logger, isCancelled: false, onLine: subscriber.onLine, claims: subscriber.claims }
  const stream = subscribe(place.owner, place.symbol, subscription)
  return {
    follow (other) {
      // The usual case, and one that is met with every request.
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

function subscribe (owner: Record<symbol, Stream>, symbol: symbol, subscription: Subscription): Stream {
  const current = owner[symbol]!
  if (!isOurs(current)) return (owner[symbol] = createStream(current, subscription))
  const shared = current[OUR_STREAM]
  if (!shared.subscriptions.includes(subscription)) shared.subscriptions = [...shared.subscriptions.filter(other => !other.isCancelled), subscription]
  return current
}

function unsubscribe (owner: Record<symbol, Stream>, symbol: symbol): void {
  const current = owner[symbol]
  // Somebody may have wrapped it meanwhile: then ours only passes on.
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
      // What a line refers to must not live on until the next one.
      own.lastObj = undefined
      own.lastMsg = undefined
      own.lastLogger = undefined
      writing++
      try {
        return original.write(text)
      } finally {
        writing--
        // Without a logger it is no line of pino's.
        if (lastLogger !== undefined) dispatch(shared.subscriptions, { text, level: lastLevel!, time: lastTime ?? '', message: typeof lastMsg === 'string' ? lastMsg : undefined, object: lastObj, logger: lastLogger })
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

function dispatch (subscriptions: Subscription[], line: Line): void {
  const subscription = subscriptions.length === 1 ? subscriptions[0]! : select(subscriptions, line.logger)
  if (subscription !== undefined && !subscription.isCancelled) subscription.onLine(line)
}

/** The app whose logger it is, else the one whose request is running, else the first. */
function select (subscriptions: Subscription[], logger: object): Subscription | undefined {
  const active = subscriptions.filter(each => !each.isCancelled)
  return active.find(each => each.logger === logger || Object.prototype.isPrototypeOf.call(each.logger, logger)) ??
    active.find(each => each.claims()) ?? active[0]
}
