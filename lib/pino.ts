/** The app's logger → its lines, exactly as they are written. */
import type { FastifyBaseLogger } from 'fastify'

/** A line as it goes to the app's own destination, and what pino knew while it wrote it. */
export interface Line {
  /** JSON, after serializers, redaction and hooks. */
  readonly text: string
  /** The level's value. */
  readonly level: number
  /** Before redaction and without bindings: to recognise objects by identity, never to send. */
  readonly object: Readonly<Record<string, unknown>>
  /** The logger that wrote it: `fastify.log`, a request's, or a child of one. */
  readonly logger: object
}

/** How a logger names the parts of its lines. */
export interface LineFormat {
  readonly messageKey: string
  readonly errorKey: string
  readonly nestedKey: string | undefined
  /** Level names to values, custom ones included. */
  readonly levels: Readonly<Record<string, number>>
}

const METADATA = Symbol.for('pino.metadata')
const OUR_STREAM = Symbol('fastify-app-insights.stream')

interface Stream {
  write: (line: string) => unknown
  lastLevel?: number
  lastObj?: unknown
  lastMsg?: string
  lastTime?: string
  lastLogger?: object
  [METADATA]?: boolean
  [OUR_STREAM]?: true
}

// Every copy of pino has symbols of its own, of the same description.
function findSymbol (logger: object, description: string): symbol | undefined {
  for (let owner: object | null = logger; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const found = Object.getOwnPropertySymbols(owner).find(symbol => symbol.description === description)
    if (found !== undefined) return found
  }
}

function valueOf (logger: object, description: string): unknown {
  const symbol = findSymbol(logger, description)
  return symbol === undefined ? undefined : (logger as Record<symbol, unknown>)[symbol]
}

/**
 * Hands every line of `logger` and of its children, older ones too, to `take`, after the app's own destination
 * had it.
 * @returns the call that undoes it, or undefined where the logger is not pino
 */
export function tap (logger: FastifyBaseLogger, take: (line: Line) => void): (() => void) | undefined {
  const symbol = findSymbol(logger, 'pino.stream')
  if (symbol === undefined) return undefined
  const owner = logger as unknown as Record<symbol, Stream>
  const original = owner[symbol]
  if (original === undefined || typeof original.write !== 'function') return undefined
  const inherited = !Object.hasOwn(owner, symbol)

  const stream = between(original, take)
  owner[symbol] = stream
  return function untap () {
    // Somebody else may stand between by now: then ours only passes on.
    stream.take = undefined
    if (owner[symbol] !== stream) return
    if (inherited) delete owner[symbol]
    else owner[symbol] = original
  }
}

interface OurStream extends Stream { take: ((line: Line) => void) | undefined }

function between (original: Stream, take: (line: Line) => void): OurStream {
  const wantsMetadata = original[METADATA] === true
  const own: OurStream = {
    take,
    [METADATA]: true,
    [OUR_STREAM]: true,
    lastLevel: 0,
    lastObj: undefined,
    lastMsg: undefined,
    lastTime: undefined,
    lastLogger: undefined,
    write (text: string) {
      if (wantsMetadata) {
        original.lastLevel = own.lastLevel
        original.lastObj = own.lastObj
        original.lastMsg = own.lastMsg
        original.lastTime = own.lastTime
        original.lastLogger = own.lastLogger
      }
      const level = own.lastLevel ?? 0
      const object = own.lastObj as Line['object']
      const logger = own.lastLogger!
      // What a line refers to must not live on until the next one.
      own.lastObj = undefined
      own.lastLogger = undefined
      const result = original.write(text)
      own.take?.({ text, level, object, logger })
      return result
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

export function formatOf (logger: FastifyBaseLogger): LineFormat {
  const text = (description: string, otherwise: string): string => {
    const value = valueOf(logger, description)
    return typeof value === 'string' && value !== '' ? value : otherwise
  }
  const nestedKey = valueOf(logger, 'pino.nestedKey')
  const levels = (logger as unknown as { levels?: { values?: Record<string, number> } }).levels?.values
  return {
    messageKey: text('pino.messageKey', 'msg'),
    errorKey: text('pino.errorKey', 'err'),
    nestedKey: typeof nestedKey === 'string' && nestedKey !== '' ? nestedKey : undefined,
    levels: levels ?? {}
  }
}

/** `error` as the app's logger would write it, serializers and redaction applied; undefined where it cannot. */
export function serialize (logger: object, errorKey: string, error: unknown): unknown {
  const asJson = valueOf(logger, 'pino.asJson')
  if (typeof asJson !== 'function') return undefined
  try {
    const levels = (logger as { levels?: { values?: Record<string, number> } }).levels?.values ?? {}
    const line = asJson.call(logger, { [errorKey]: error }, undefined, Object.values(levels)[0], '') as string
    return (JSON.parse(line) as Record<string, unknown>)[errorKey]
  } catch {
    return undefined
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
