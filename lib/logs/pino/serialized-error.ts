/** Error → what the app's logger writes of it, which is all that may leave the process. */
import type { LineFormat } from '../line'
import { formatOf, hasStreamHook, redactionOf, writtenFields } from '.'

type Fields = Record<string, unknown>

export interface Written {
  /** The error in the logger's words: an object, or what a serializer made of it; undefined where it is not written. */
  readonly value: unknown
  /** Whether a text of the error stands in what the logger wrote. */
  readonly isWritten: (text: string) => boolean
  /** Texts of the error that the logger has replaced: wherever they stand again, they are replaced again. */
  readonly secrets: readonly string[]
  /** The logger redacts within errors: what it has not written is not to be sent. */
  readonly strict: boolean
}

/** Redaction on top of the logger's own. */
export interface Redaction {
  readonly line: (text: string) => string
  /** `logs.redact` */
  readonly paths: ((fields: Fields) => unknown) | undefined
}

const CENSOR = '[Redacted]'
// A shorter text is in too many others.
const SHORTEST_SECRET = 4
const MAX_DEPTH = 5

/** An error that stands in a line under `key`. */
export function writtenInLine (logger: object, { errorKey }: LineFormat, key: string, error: unknown, fields: Fields, redaction: Redaction): Written {
  const value = fields[key]
  // Only under the error key has pino a serializer for errors of its own: elsewhere it may write `{}`.
  if (key === errorKey || typeof value === 'string' || (isObject(value) && (typeof value.message === 'string' || typeof value.stack === 'string'))) {
    return finish(logger, key === errorKey ? [key] : [key, errorKey], error, value, fields, redaction)
  }
  const own = unlogged(logger, error, redaction)
  // The error key's redaction has been applied; now this key's.
  const again = isObject(own.value) ? writtenFields(logger, { [key]: own.value }) : undefined
  const both = again === undefined ? undefined : applied(redaction, again)
  return finish(logger, [key, errorKey], error, both?.[key], [fields, both], redaction)
}

/** An error that nobody has logged, as `logger` would write it. */
export function unlogged (logger: object, error: unknown, redaction: Redaction): Written {
  const { errorKey } = formatOf(logger)
  const written = writtenFields(logger, { [errorKey]: error })
  const fields = written === undefined ? undefined : applied(redaction, written)
  return finish(logger, [errorKey], error, fields?.[errorKey], fields, redaction)
}

function finish (logger: object, keys: string[], error: unknown, value: unknown, evidence: unknown, redaction: Redaction): Written {
  const strict = redaction.paths !== undefined || hasStreamHook(logger) || keys.some(key => redactionOf(logger, key) !== undefined)
  const secrets = strict ? secretsOf(logger, keys, error, redaction) : new Set<string>()
  const isWritten = createLookup(evidence ?? (strict ? {} : undefined))
  // pino, and Fastify, take the message of an error for the line's: where a serializer has hidden it, it is hidden there too.
  const message = readProperty(error, 'message')
  if (typeof message === 'string' && !isWritten(message)) secrets.add(message)
  return { value, isWritten, secrets: [...secrets].filter(secret => secret.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length), strict }
}

/** Whether a text stands in what the logger wrote; where there is no logger, nothing is held back. */
function createLookup (evidence: unknown): (text: string) => boolean {
  let all: string | undefined
  return text => {
    if (evidence === undefined || text === '') return true
    all ??= JSON.stringify(evidence)
    return all.includes(JSON.stringify(text.toWellFormed()).slice(1, -1))
  }
}

/** `value` with every secret in it replaced, in nested texts too. */
export function scrubbed<T> (value: T, secrets: readonly string[]): T {
  if (secrets.length === 0) return value
  if (typeof value === 'string') return scrubText(value, secrets) as T
  if (Array.isArray(value)) return value.map(item => scrubbed(item, secrets)) as T
  if (!isObject(value)) return value
  const copy: Fields = {}
  for (const [name, item] of Object.entries(value)) define(copy, name, scrubbed(item, secrets))
  return copy as T
}

function scrubText (text: string, secrets: readonly string[]): string {
  let result = text
  for (const secret of secrets) if (result.includes(secret)) result = result.replaceAll(secret, () => CENSOR)
  return result
}

function applied ({ line, paths }: Redaction, fields: Fields): Fields {
  const safe = JSON.parse(line(JSON.stringify(fields))) as Fields
  return paths === undefined ? safe : paths(safe) as Fields
}

/** Redaction works on places, but an error's texts stand in several: the message in the stack, causes in both. */
function secretsOf (logger: object, keys: string[], error: unknown, { paths }: Redaction): Set<string> {
  const secrets = new Set<string>()
  try {
    const plain = asPlain(error, new Set(), 0)
    for (const key of keys) {
      const byLogger = redactionOf(logger, key)
      if (byLogger !== undefined) compare(plain, byLogger(plain), secrets)
      if (paths !== undefined) compare(plain, (paths({ [key]: plain }) as Fields)[key], secrets)
    }
    // pino joins the messages of the causes to one.
    if (isObject(plain) && typeof plain.message === 'string' && secrets.has(plain.message)) {
      for (let cause = plain.cause; isObject(cause); cause = cause.cause) if (typeof cause.message === 'string') secrets.add(cause.message)
    }
  } catch {
    // A hostile error: what the logger has written is all that is sent of it anyway.
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

/** All texts of an error in the places where pino's serializers put them. */
function asPlain (value: unknown, seen: Set<unknown>, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (seen.has(value) || depth > MAX_DEPTH) return undefined
  seen.add(value)
  if (Array.isArray(value)) return value.slice(0, 20).map(item => asPlain(item, seen, depth + 1))
  const plain: Fields = {}
  for (const name of Object.keys(value).slice(0, 200)) define(plain, name, asPlain(readProperty(value, name), seen, depth + 1))
  for (const name of ['message', 'stack', 'cause']) {
    const own = readProperty(value, name)
    if (own !== undefined && plain[name] === undefined) plain[name] = asPlain(own, seen, depth + 1)
  }
  const { errors } = value as { errors?: unknown }
  if (Array.isArray(errors)) {
    plain.aggregateErrors = errors.slice(0, 20).map(item => asPlain(item, new Set(seen).add(value), depth + 1))
  }
  return plain
}

/** Reads a property of an object that may be hostile. */
export function readProperty (object: unknown, name: string): unknown {
  if ((typeof object !== 'object' || object === null) && typeof object !== 'function') return undefined
  try {
    return (object as Fields)[name]
  } catch {
    return undefined
  }
}

export function isObject (value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An assignment to `__proto__` would set the prototype instead of a field. */
export function define (fields: Fields, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(fields, name, { value, enumerable: true, writable: true, configurable: true })
  else fields[name] = value
}
