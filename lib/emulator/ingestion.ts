/** Bytes of a post → telemetry items, and the answer that the real endpoint would give. */
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { faultOf, type Envelope } from './rows'
import type { Item } from './store'

/** What Application Insights takes in one post, unpacked. */
export const MAX_BODY = 10_000_000
/** Far over Azure's 64 KB, so that a row that Azure would refuse can still be seen, flagged. */
export const MAX_ITEM = 1_000_000

/** Why one item was refused. */
export interface ItemError {
  /** Place in the post, from 0. */
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
  /** As received: envelopes, and whatever else was sent in their place. */
  items: unknown[]
  /** Of every good item. */
  texts: Array<string | undefined>
  errors: ItemError[]
}

/** A post that cannot be taken at all. */
export class Refusal extends Error {
  readonly status: number
  constructor (status: number, message: string) {
    super(message)
    this.status = status
  }
}

const inflaters: Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>> = {
  gzip: promisify(zlib.gunzip),
  'x-gzip': promisify(zlib.gunzip),
  deflate: promisify(zlib.inflate),
  br: promisify(zlib.brotliDecompress)
}

/** @throws Refusal 413 */
export async function readBody (request: IncomingMessage, limit = MAX_BODY): Promise<Buffer> {
  if (Number(request.headers['content-length']) > limit) throw tooLarge(limit)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** @throws Refusal 400, 413, 415 */
export async function unpack (body: Buffer, encoding: string | undefined, limit = MAX_BODY): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity') return body
  if (!Object.hasOwn(inflaters, name)) throw new Refusal(415, 'Content-Encoding must be gzip, deflate, br or identity')
  try {
    // The limit holds while inflating: a bomb never unfolds.
    return await inflaters[name](body, { maxOutputLength: limit })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit)
    throw new Refusal(400, `The body is not valid ${name}`)
  }
}

function tooLarge (limit: number): Refusal {
  return new Refusal(413, `The body is larger than ${limit / 1_000_000} MB unpacked`)
}

/** A JSON array, one object, or an object a line. @throws Refusal 400 */
export function parse (body: Buffer): unknown[] {
  const text = body.toString('utf8').replace(/^\uFEFF/, '').trim()
  if (text === '') throw new Refusal(400, 'The body is empty: expected telemetry items as JSON')
  const whole = json(text)
  if (whole !== NOT_JSON) {
    const items = Array.isArray(whole) ? whole : [whole]
    if (items.length === 0) throw new Refusal(400, 'The body holds no telemetry items')
    return items
  }
  if (text[0] !== '{' || !text.includes('\n')) throw new Refusal(400, 'The body is not JSON')
  return text.split('\n').filter(line => line.trim() !== '').map(json)
}

const NOT_JSON = Symbol('not JSON')

function json (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return NOT_JSON
  }
}

/** Tells the good items from the bad. */
export function sort (items: unknown[]): Sorted {
  const errors: ItemError[] = []
  const texts = items.map((item, index) => {
    const { text, fault } = item === NOT_JSON ? { fault: '100: Invalid telemetry item: not JSON' } : textOf(item)
    if (fault !== undefined) errors.push({ index, statusCode: 400, message: fault })
    return text
  })
  return { items, texts, errors }
}

function textOf (item: unknown): { text?: string, fault?: string } {
  const fault = faultOf(item)
  if (fault !== undefined) return { fault }
  try {
    const text = JSON.stringify(item)
    return text.length <= MAX_ITEM ? { text } : { fault: `The telemetry item is larger than ${MAX_ITEM / 1_000} kB` }
  } catch {
    // Deeper than the stack.
    return { fault: '100: Invalid telemetry item: nested too deeply' }
  }
}

/** The items that no error names. */
export function accepted ({ items, texts, errors }: Sorted): Item[] {
  const refused = new Set(errors.map(error => error.index))
  return items.flatMap((item, index) => {
    const text = texts[index]
    return text === undefined || refused.has(index) ? [] : [{ envelope: item as Envelope, text }]
  })
}

export function answerTo ({ items, errors }: Pick<Sorted, 'items' | 'errors'>): { status: number, body: TrackAnswer } {
  const refused = new Set(errors.map(error => error.index)).size
  return {
    status: refused === 0 ? 200 : refused < items.length ? 206 : 400,
    body: { itemsReceived: items.length, itemsAccepted: items.length - refused, errors }
  }
}
