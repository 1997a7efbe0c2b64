/** A post to the ingestion endpoint: read, sorted, stored and answered, like the script or the real endpoint would. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { applyCors } from './access'
import type { createScript } from './answers'
import type { RefusedItem } from './health'
import { HttpError, sendJson } from './http-error'
import { answerTo, decompress, readBody, refuseMore, sort, type Sorted } from './ingestion'
import { itemsOf } from './items'
import type { Envelope } from './rows'
import type { Store } from './store'

/** A post to the ingestion endpoint, and its outcome. */
export interface Post {
  /** Milliseconds since 1970. */
  at: number
  path: string
  /** The status sent; 0 if a script reset the connection or never answered. */
  status: number
  /** Telemetry items in it, and how many were kept. */
  items: number
  accepted: number
  /** Size on the wire. */
  bytes: number
  /** Without credentials. */
  headers: IncomingHttpHeaders
}

export interface TrackOptions {
  readonly store: Store
  /** Origins of web pages that may send telemetry, in addition to those on this machine. */
  readonly origins: readonly string[]
  /** Keeps rows that Azure would reject. */
  readonly lenient: boolean
  readonly script: () => ReturnType<typeof createScript>
  readonly posted: (post: Post) => void
}

interface Received {
  readonly body: Buffer
  readonly sorted: Sorted
}

const SECRET = /authorization|cookie|token|secret|api-?key|password/i
/** Maximum bytes of bodies being read at the same time: many large posts must not fill up the memory. */
const MAX_IN_FLIGHT = 64_000_000
/** Number of rejected items kept for the page. */
const REFUSED = 200
/** Rows stored at a time, in bytes of their JSON. */
const SLICE = 1_000_000

/** The ingestion endpoint. */
export class Track {
  /** The latest rejected items, oldest first. */
  readonly refused: RefusedItem[] = []
  readonly #options: TrackOptions
  /** Bytes of bodies that have arrived and are still being processed. */
  #inFlight = 0
  /** One post is decompressed at a time: seventy small compressed posts can expand to 700 MB. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor (options: TrackOptions) {
    this.#options = options
  }

  /** @throws HttpError */
  async handle (request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (!applyCors(request, response, this.#options.origins)) return
    if (request.method !== 'POST') throw new HttpError(405, 'Telemetry comes by POST')
    const post: Post = { at: Date.now(), path, status: 0, items: 0, accepted: 0, bytes: 0, headers: withoutSecrets(request.headers) }
    try {
      await this.#answer(request, response, post, await this.#receive(request, post))
    } catch (error) {
      if (error instanceof HttpError) {
        post.status = error.status
        this.#note(error.status, error.message)
        if (error.status === 400) return sendJson(response, 400, { itemsReceived: 0, itemsAccepted: 0, errors: [{ index: 0, statusCode: 400, message: error.message }] })
      }
      throw error
    } finally {
      this.#options.posted(post)
    }
  }

  async #receive (request: IncomingMessage, post: Post): Promise<Received> {
    let arrived = 0
    const expected = Number(request.headers['content-length']) || 0
    const count = (bytes: number): void => {
      arrived += bytes
      this.#inFlight += bytes
      if (this.#inFlight > MAX_IN_FLIGHT) throw new HttpError(503, 'Too many posts at once')
    }
    if (this.#inFlight + expected > MAX_IN_FLIGHT) throw new HttpError(503, 'Too many posts at once')
    try {
      const packed = await readBody(request, count)
      post.bytes = packed.length
      return await this.#inTurn(async () => {
        const body = await decompress(packed, request.headers['content-encoding'])
        const sorted = sort(body, this.#options.lenient)
        post.items = sorted.received
        return { body, sorted }
      })
    } finally {
      this.#inFlight -= arrived
    }
  }

  async #inTurn<T> (work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return await done
  }

  async #answer (request: IncomingMessage, response: ServerResponse, post: Post, { body, sorted }: Received): Promise<void> {
    const answer = await this.#options.script()({ path: post.path, headers: request.headers, items: () => [...itemsOf(body)] as Envelope[] })
    if (answer.errors) refuseMore(sorted, answer.errors.map(error => ({ statusCode: 500, message: 'Refused by the script', ...error })))
    const usual = answerTo(sorted)
    const status = answer.status ?? usual.status
    const keep = answer.keep ?? (!answer.reset && !answer.hang && (status < 300 || answer.status === undefined))
    for (const { statusCode, message } of sorted.errors.slice(0, REFUSED)) this.#note(statusCode, message)
    if (answer.delay) await wait(answer.delay, undefined, { ref: false })
    if (keep) post.accepted = this.#store(sorted)
    if (answer.hang) return
    if (answer.reset) {
      request.socket.destroy()
      return
    }
    post.status = status
    sendJson(response, status, answer.body ?? { ...usual.body, itemsAccepted: keep ? usual.body.itemsAccepted : 0 }, answer.headers)
  }

  #store ({ good }: Sorted): number {
    let slice: Parameters<Store['add']>[0] = []
    let size = 0
    for (const item of good.values()) {
      slice.push(item)
      size += item.size
      if (size < SLICE) continue
      this.#options.store.add(slice)
      slice = []
      size = 0
    }
    if (slice.length > 0) this.#options.store.add(slice)
    return good.size
  }

  #note (statusCode: number, message: string): void {
    this.refused.push({ at: Date.now(), statusCode, message })
    if (this.refused.length > REFUSED) this.refused.shift()
  }
}

function withoutSecrets (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET.test(name)))
}
