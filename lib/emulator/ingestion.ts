/** Bytes of a post → valid and invalid telemetry items, and the answer that the real endpoint would give. */
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { HttpError } from './http-error'
import { NOT_JSON, TOO_LARGE, MAX_ITEM, itemsOf } from './items'
import { POST } from './limits'
import type { Envelope } from './rows'
import type { Item } from './store'
import { refusal, validationError } from './validation'

/** Why one item was rejected. */
export interface ItemError {
  /** Index in the post, from 0. */
  index: number
  statusCode: number
  message: string
}

export interface TrackAnswer {
  itemsReceived: number
  itemsAccepted: number
  errors: ItemError[]
}

export interface Sorted {
  received: number
  /** The valid items, by index in the post. */
  good: Map<number, Item>
  errors: ItemError[]
}

/** Errors listed in an answer, and the length of each in characters: the answer to a rejected post must not be larger than it. */
const MAX_ERRORS = 1_000
const MAX_REASON = 200
/** Above this, a post's items are kept only as text, and parsed again when their turn comes. */
const PARSED_BYTES = 1_000_000

const inflaters: Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>> = {
  gzip: promisify(zlib.gunzip),
  'x-gzip': promisify(zlib.gunzip),
  deflate: promisify(zlib.inflate),
  br: promisify(zlib.brotliDecompress)
}

/**
 * @param arrived called for every chunk; may throw
 * @throws HttpError 413
 */
export async function readBody (request: IncomingMessage, arrived: (bytes: number) => void): Promise<Buffer> {
  if (Number(request.headers['content-length']) > POST) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > POST) throw tooLarge()
    arrived(chunk.length)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** @throws HttpError 400, 413, 415 */
export async function decompress (body: Buffer, encoding: string | undefined): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity') return body
  if (!Object.hasOwn(inflaters, name)) throw new HttpError(415, 'Content-Encoding must be gzip, deflate, br or identity')
  try {
    // The limit applies while decompressing, so a zip bomb never expands.
    return await inflaters[name](body, { maxOutputLength: POST })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge()
    throw new HttpError(400, `The body is not valid ${name}`)
  }
}

function tooLarge (): HttpError {
  return new HttpError(413, `The body is larger than ${POST / 1_000_000} MB unpacked`)
}

/**
 * Separates valid from invalid items.
 * @param lenient keep rows that Azure would reject
 * @throws HttpError 400, 413
 */
export function sort (body: Buffer, lenient: boolean): Sorted {
  const sorted: Sorted = { received: 0, good: new Map(), errors: [] }
  const isLarge = body.length > PARSED_BYTES
  for (const item of itemsOf(body)) {
    const index = sorted.received++
    const read = readItem(item, lenient)
    if (typeof read === 'string') sorted.errors.push({ index, statusCode: 400, message: read.slice(0, MAX_REASON) })
    else sorted.good.set(index, isLarge ? { text: read.text, size: read.size } : read)
  }
  return sorted
}

/** A valid item, or what is wrong with it. */
export function readItem (item: unknown, lenient: boolean): Item | string {
  if (item === NOT_JSON) return '100: Invalid telemetry item: not JSON'
  if (item === TOO_LARGE) return `100: The telemetry item is larger than ${MAX_ITEM / 1_000} kB`
  const error = validationError(item)
  if (error !== undefined) return error
  const envelope = item as Envelope
  let text: string
  try {
    text = JSON.stringify(envelope)
  } catch {
    // Nested deeper than the stack allows.
    return '100: Invalid telemetry item: nested too deeply'
  }
  const size = Buffer.byteLength(text)
  if (size > MAX_ITEM) return `100: The telemetry item is larger than ${MAX_ITEM / 1_000} kB`
  return (lenient ? undefined : refusal(envelope, size)) ?? { envelope, text, size }
}

/** @param more valid items that a script rejects */
export function refuseMore ({ good, errors }: Sorted, more: ItemError[]): void {
  for (const error of more) {
    good.delete(error.index)
    errors.push(error)
  }
}

export function answerTo ({ received, good, errors }: Sorted): { status: number, body: TrackAnswer } {
  return {
    status: good.size === received ? 200 : good.size > 0 ? 206 : 400,
    body: { itemsReceived: received, itemsAccepted: good.size, errors: errors.slice(0, MAX_ERRORS) }
  }
}
