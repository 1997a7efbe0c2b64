/** Error → what the app's logger writes for it. Nothing else of it may leave the process. */
import { ExactNumber, parseExactly, stringifyExactly } from '../../rows/exact-json'
import { type Fields, define, isArray, isError, isObject, isReference, readProperty } from '../../rows/hostile'
import { propertyValue } from '../../rows/properties'
import { describeFunction } from '../../rows/serialize'
import type { LineFormat } from '../../rows/line'
import { formatOf } from './internals'
import { hasFormatter, hasSerializer, redactionOf, render, streamHook } from './render'

export interface SerializedError {
  /** The error as the logger writes it: an object, or a serializer's result. Undefined if the logger doesn't write it. */
  readonly value: unknown
  /** Whether a text of the error may be sent: the logger writes it, or leaves it out without meaning to hide it. */
  readonly shows: (text: string) => boolean
  /** Texts of the error that the logger has replaced. They must be replaced everywhere else too. */
  readonly secrets: readonly string[]
  /** The logger redacts parts of errors, so anything that it hasn't written must not be sent. */
  readonly strict: boolean
}

/** Redaction in addition to the logger's own. */
export interface Redaction {
  readonly line: (text: string) => string
  /** From `logs.redact`. */
  readonly paths: ((fields: Fields) => unknown) | undefined
}

type Lookup = (text: string) => boolean

const CENSOR = '[Redacted]'
// In characters. A shorter text occurs in too many others.
const SHORTEST_SECRET = 4
const MAX_DEPTH = 5

/** An error that was logged in the field `key` of a line. */
export function serializedInLine (logger: object, { errorKey }: LineFormat, key: string, error: unknown, fields: Fields, redaction: Redaction): SerializedError {
  const value = fields[key]
  // pino has a default error serializer only for the error key. In other fields it may write `{}`.
  if (!needsText(error) && (key === errorKey || typeof value === 'string' || (isObject(value) && (typeof value.message === 'string' || typeof value.stack === 'string')))) {
    return finish(logger, key === errorKey ? [key] : [key, errorKey], error, value, fields, redaction)
  }
  const own = serializedByLogger(logger, error, redaction)
  // The error key's redaction has been applied. Now apply this key's.
  const again = key !== errorKey && isObject(own.value) ? render(logger, { [key]: own.value }) : undefined
  const both = again === undefined ? undefined : redacted(redaction, again)
  return key === errorKey ? own : finish(logger, [key, errorKey], error, both?.[key], [fields, both], redaction)
}

/** An error that hasn't been logged, as `logger` would write it. */
export function serializedByLogger (logger: object, error: unknown, redaction: Redaction): SerializedError {
  const { errorKey } = formatOf(logger)
  const rendered = render(logger, { [errorKey]: needsText(error) ? withText(error, redaction.paths !== undefined || redactionOf(logger, errorKey) !== undefined) : error })
  const fields = rendered === undefined ? undefined : redacted(redaction, rendered)
  return finish(logger, [errorKey], error, fields?.[errorKey], fields, redaction)
}

/** Loggers don't write these values, because JSON can't hold them or they don't look like errors. They don't mean to hide them. */
function needsText (error: unknown): boolean {
  return error === undefined || typeof error === 'symbol' || typeof error === 'function' || hasOddMessage(error)
}

function hasOddMessage (error: unknown): error is Error {
  if (!isError(error)) return false
  const message = readProperty(error, 'message')
  return message !== undefined && message !== null && typeof message !== 'string'
}

/** @param isRedacted keeps the message's structure, because redaction may look for something inside it */
function withText (error: unknown, isRedacted: boolean): unknown {
  if (hasOddMessage(error)) return isRedacted ? error : Object.create(error, { message: { value: propertyValue(readProperty(error, 'message')) } })
  return typeof error === 'function' ? describeFunction(error) : String(error)
}

function finish (logger: object, keys: string[], error: unknown, value: unknown, evidence: unknown, redaction: Redaction): SerializedError {
  const strict = redaction.paths !== undefined || streamHook(logger) !== undefined || keys.some(key => redactionOf(logger, key) !== undefined)
  const secrets = strict ? secretsOf(logger, keys, error, redaction) : new Set<string>()
  const isWritten = createLookup(() => evidence ?? (strict ? {} : undefined), redaction)
  const message = readProperty(error, 'message')
  let shows = isWritten
  if (typeof message === 'string' && !isWritten(message)) {
    if (isReference(error) && hasFormatter(logger)) shows = showsMoved(logger, error, redaction, secrets)
    // pino and Fastify use an error's message as the line's message. If a serializer hides it, it must be hidden there too.
    if (!shows(message)) secrets.add(message)
  }
  return { value, shows, secrets: [...secrets].filter(secret => secret.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length), strict }
}

/** Tells whether the logger wrote a text. Without a logger, every text is allowed. */
function createLookup (evidence: () => unknown, { line }: Redaction): Lookup {
  let all: string | undefined
  return text => {
    if (text === '') return true
    if (all === undefined) {
      const fields = evidence()
      if (fields === undefined) return true
      all = stringifyExactly(fields)
    }
    // Half an emoji, from a text that was cut, stays an escape in pino's line. A formatter or hook may have replaced it.
    const quoted = JSON.stringify(text)
    if (all.includes(quoted.slice(1, -1)) || all.includes(JSON.stringify(text.toWellFormed()).slice(1, -1))) return true
    // The secrets in its URLs may have been redacted.
    const clean = line(quoted)
    return clean !== quoted && all.includes(clean.slice(1, -1))
  }
}

/**
 * The app's formatter may have moved the error to a field where pino writes it as `{}`, which isn't meant to hide its texts.
 * Texts that a serializer, a formatter or redaction removes or replaces stay hidden.
 * @param secrets gets the texts that are redacted in the error's new field
 */
function showsMoved (logger: object, error: object, redaction: Redaction, secrets: Set<string>): (text: string) => boolean {
  const fields = { [formatOf(logger).errorKey]: error }
  const replace = (formatted: Fields): Fields => withPlainErrors(logger, formatted)
  const unmoved = render(logger, fields, { skipsFormatter: true })
  const moved = render(logger, fields, { replace })
  const unredacted = render(logger, fields, { replace, skipsRedaction: true })
  if (unmoved === undefined || moved === undefined || unredacted === undefined) return () => false
  const safe = redacted(redaction, moved)
  compare(redacted({ ...redaction, paths: undefined }, unredacted), safe, secrets)
  const [standsUnmoved, standsMoved] = [redacted(redaction, unmoved), safe].map(evidence => createLookup(() => evidence, redaction)) as [Lookup, Lookup]
  return text => standsUnmoved(text) && standsMoved(text)
}

/** Replaces errors with plain objects, except those that a serializer will get. */
function withPlainErrors (logger: object, fields: Fields): Fields {
  const plain: Fields = {}
  for (const name of Object.keys(fields)) define(plain, name, hasSerializer(logger, name) ? fields[name] : withoutErrors(fields[name], 0))
  return plain
}

function withoutErrors (value: unknown, depth: number): unknown {
  if (isError(value)) return asPlain(value, new Set(), 0)
  if (depth > MAX_DEPTH || (!isObject(value) && !isArray(value)) || typeof readProperty(value, 'toJSON') === 'function') return value
  if (isArray(value)) return value.map(item => withoutErrors(item, depth + 1))
  const plain: Fields = {}
  for (const name of Object.keys(value)) define(plain, name, withoutErrors(value[name], depth + 1))
  return plain
}

/** Replaces every secret in `value`, also in nested texts. */
export function scrubbed<T> (value: T, secrets: readonly string[]): T {
  if (secrets.length === 0) return value
  if (typeof value === 'string') return scrubText(value, secrets) as T
  if (Array.isArray(value)) return value.map(item => scrubbed(item, secrets)) as T
  if (!isObject(value) || value instanceof ExactNumber) return value
  const copy: Fields = {}
  for (const [name, item] of Object.entries(value)) define(copy, name, scrubbed(item, secrets))
  return copy as T
}

function scrubText (text: string, secrets: readonly string[]): string {
  let result = text
  for (const secret of secrets) if (result.includes(secret)) result = result.replaceAll(secret, () => CENSOR)
  return result
}

function redacted ({ line, paths }: Redaction, fields: Fields): Fields {
  const safe = parseExactly(line(stringifyExactly(fields))) as Fields
  return paths === undefined ? safe : paths(safe) as Fields
}

/** Redaction works on fields, but an error's texts appear in several: the stack contains the message, and both contain causes. */
function secretsOf (logger: object, keys: string[], error: unknown, { paths }: Redaction): Set<string> {
  const secrets = new Set<string>()
  try {
    const plain = asPlain(error, new Set(), 0)
    for (const key of keys) {
      const byLogger = redactionOf(logger, key)
      if (byLogger !== undefined) compare(plain, byLogger(plain), secrets)
      if (paths !== undefined) compare(plain, (paths({ [key]: plain }) as Fields)[key], secrets)
    }
    // pino joins the messages of the causes into one.
    if (isObject(plain) && typeof plain.message === 'string' && secrets.has(plain.message)) {
      for (let cause = plain.cause; isObject(cause); cause = cause.cause) if (typeof cause.message === 'string') secrets.add(cause.message)
    }
  } catch {
    // The error is hostile. Only what the logger has written is sent anyway.
  }
  return secrets
}

function compare (before: unknown, after: unknown, secrets: Set<string>): void {
  if (typeof before === 'string') {
    if (before !== after) secrets.add(before)
  } else if (typeof before === 'object' && before !== null) {
    for (const [name, value] of Object.entries(before)) {
      compare(value, typeof after === 'object' && after !== null ? (after as Fields)[name] : undefined, secrets)
    }
  }
}

/** All texts of an error, in the fields where pino's serializers put them. */
function asPlain (value: unknown, seen: Set<unknown>, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (seen.has(value) || depth > MAX_DEPTH) return undefined
  seen.add(value)
  if (isArray(value)) return value.slice(0, 20).map(item => asPlain(item, seen, depth + 1))
  const plain: Fields = {}
  for (const name of Object.keys(value).slice(0, 200)) define(plain, name, asPlain(readProperty(value, name), seen, depth + 1))
  for (const name of ['message', 'stack', 'cause']) {
    const own = readProperty(value, name)
    if (own !== undefined && plain[name] === undefined) plain[name] = asPlain(own, seen, depth + 1)
  }
  const errors = readProperty(value, 'errors')
  if (isArray(errors)) {
    plain.aggregateErrors = errors.slice(0, 20).map(item => asPlain(item, new Set(seen).add(value), depth + 1))
  }
  return plain
}
