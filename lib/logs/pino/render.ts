/** Fields → what a pino logger would write for them, without writing a line. */
import { parseExactly } from '../../rows/exact-json'
import { type Fields, isObject } from '../../rows/hostile'
import { findSymbol, formatOf, internal, levelsOf } from './internals'

type Stringifier = (value: unknown, safe: unknown) => string | undefined

/** How the result differs from what the logger would write. */
export interface Rendering {
  /** Skips `formatters.log`. */
  readonly skipsFormatter?: boolean
  /** Skips `redact` and the `streamWrite` hook. */
  readonly skipsRedaction?: boolean
  /** Applied to the formatter's result. */
  readonly replace?: (fields: Fields) => Fields
}

/**
 * Returns `fields` as `logger` would write them, after its formatters, serializers, redaction and hooks.
 * @returns undefined if that fails
 */
export function render (logger: object, fields: Fields, rendering: Rendering = {}): Fields | undefined {
  try {
    const writer = writerFor(logger, rendering)
    const asJson = internal(writer, 'pino.asJson')
    if (typeof asJson !== 'function') return undefined
    const line = asJson.call(writer, fields, undefined, Object.values(levelsOf(writer))[0], '') as string
    const streamWrite = rendering.skipsRedaction === true ? undefined : streamHook(logger)
    const parsed = parseExactly(streamWrite === undefined ? line : streamWrite(line))
    if (!isObject(parsed)) return undefined
    const { nestedKey } = formatOf(logger)
    const nested = nestedKey === undefined ? undefined : parsed[nestedKey]
    return isObject(nested) ? nested : parsed
  } catch {
    return undefined
  }
}

/** The logger itself, or a derived one with the differences that the rendering asks for. */
function writerFor (logger: object, { skipsFormatter = false, skipsRedaction = false, replace }: Rendering): object {
  if (!skipsFormatter && !skipsRedaction && replace === undefined) return logger
  const writer = Object.create(logger) as Record<symbol, unknown>
  const formatters = findSymbol(logger, 'pino.formatters')
  if (formatters !== undefined) {
    const { log, ...others } = writer[formatters] as { log?: (fields: Fields) => Fields }
    writer[formatters] = {
      ...others,
      log (fields: Fields) {
        const formatted = skipsFormatter || log === undefined ? fields : log(fields)
        return replace === undefined ? formatted : replace(formatted)
      }
    }
  }
  const stringifiers = findSymbol(logger, 'pino.stringifiers')
  if (stringifiers !== undefined && skipsRedaction) writer[stringifiers] = {}
  return writer
}

/** Whether the app's formatter may move or change fields. */
export function hasFormatter (logger: object): boolean {
  return typeof (internal(logger, 'pino.formatters') as { log?: unknown } | undefined)?.log === 'function'
}

/** Whether the logger has a serializer for a field of this name. */
export function hasSerializer (logger: object, name: string): boolean {
  const serializers = internal(logger, 'pino.serializers') as Record<string, unknown> | undefined
  return typeof serializers?.[name] === 'function' || (name === formatOf(logger).errorKey && typeof serializers?.err === 'function')
}

/** How the logger redacts the field `key`, as a function for plain objects. @returns undefined if it doesn't */
export function redactionOf (logger: object, key: string): ((plain: unknown) => unknown) | undefined {
  const stringifiers = internal(logger, 'pino.stringifiers') as Record<string, Stringifier | undefined> | undefined
  if (stringifiers === undefined || stringifiers === null) return undefined
  const stringifier = stringifiers[key] ?? internal(stringifiers, 'pino.wildcardFirst') as Stringifier | undefined
  if (typeof stringifier !== 'function') return undefined
  const safe = internal(logger, 'pino.stringifySafe')
  return plain => {
    const text = stringifier(plain, safe)
    return text === undefined ? undefined : JSON.parse(text)
  }
}

/** The hook that may change a finished line. */
export function streamHook (logger: object): ((line: string) => string) | undefined {
  const hook = (internal(logger, 'pino.hooks') as { streamWrite?: (line: string) => string } | undefined)?.streamWrite
  return typeof hook === 'function' ? hook : undefined
}
