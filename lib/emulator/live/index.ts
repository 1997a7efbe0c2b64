/** Pings and posts of servers → Live Metrics: servers ask whether someone is watching, and post while someone is. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { HttpError } from '../http-error'
import { decompress, readBody } from '../ingestion'
import { collectionOf, type LiveConfiguration } from './configuration'
import { LiveServers, type LiveDocument, type LiveServer } from './servers'

export type { LiveConfiguration, LiveFilter, TelemetryType } from './configuration'
export type { LiveDocument, LivePoint, LiveServer } from './servers'

/** A custom answer to one ping or post. */
export interface LiveAnswer {
  /** @default 200 */
  status?: number
  headers?: Record<string, string>
  /** Resets the connection. @default false */
  reset?: boolean
}

/** A ping or a post, without its credentials. */
export interface LiveCall {
  /** Milliseconds since 1970. */
  at: number
  kind: 'ping' | 'post'
  instrumentationKey: string
  status: number
  headers: IncomingHttpHeaders
  /** Whether it had a bearer token. */
  hasToken: boolean
}

/** Live Metrics, as tests and the page see them. */
export interface Live {
  /** Servers that sent a ping or post in the last two minutes. */
  readonly servers: readonly LiveServer[]
  /** The latest sampled items, oldest first, at most 200. */
  readonly documents: readonly LiveDocument[]
  /** The latest pings and posts, oldest first, at most 1,000. */
  readonly calls: readonly LiveCall[]
  readonly isWatched: boolean
  readonly configuration: LiveConfiguration
  /** Starts watching. The returned function stops it. */
  watch (configuration?: LiveConfiguration): () => void
  /** Sets which items are shown to all watchers. */
  configure (configuration: LiveConfiguration): void
  /** Sets a raw configuration, as the service would send it, for filters that the page can't create. */
  collect (collection: object | undefined): void
  /** Answers the next pings and posts with these, one each. */
  respondWith (...answers: LiveAnswer[]): void
}

/** How often servers ping, in milliseconds. The service's five seconds are too long for a developer. */
const POLLING_INTERVAL = 1_000
const MAX_BODY = 4_000_000
const MAX_CALLS = 1_000
const SECRET = /authorization|cookie|token|secret|api-?key|password/i

export class LiveService implements Live {
  calls: LiveCall[] = []
  configuration: LiveConfiguration = { filters: [] }
  readonly #servers = new LiveServers()
  readonly #listeners = new Set<() => void>()
  #answers: LiveAnswer[] = []
  #watchers = 0
  #version = 0
  #collection: object | undefined

  get servers (): LiveServer[] {
    return this.#servers.all
  }

  get documents (): LiveDocument[] {
    return this.#servers.documents
  }

  get isWatched (): boolean {
    return this.#watchers > 0
  }

  watch (configuration?: LiveConfiguration): () => void {
    if (configuration !== undefined) this.configure(configuration)
    this.#watchers++
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#watchers--
    }
  }

  configure (configuration: LiveConfiguration): void {
    this.configuration = configuration
    this.collect(undefined)
  }

  collect (collection: object | undefined): void {
    this.#collection = collection
    this.#version++
  }

  respondWith (...answers: LiveAnswer[]): void {
    this.#answers = answers
  }

  /** Calls `listener` after every post. @returns a function that stops it */
  listen (listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  clear (): void {
    this.#servers.clear()
    this.calls = []
  }

  /** @throws HttpError */
  async handle (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const kind = /\/(ping|post)$/.exec(url.pathname)?.[1] as LiveCall['kind'] | undefined
    if (kind === undefined || request.method !== 'POST') throw new HttpError(404, 'Live Metrics have ping and post')
    let size = 0
    const packed = await readBody(request, bytes => {
      size += bytes
      if (size > MAX_BODY) throw new HttpError(413, 'A post of Live Metrics is smaller')
    })
    const body = await decompress(packed, request.headers['content-encoding'])
    const { status = 200, headers = {}, reset = false } = this.#answers.shift() ?? {}
    this.#note(kind, url, request, reset ? 0 : status)
    if (reset) {
      request.socket.destroy()
      return
    }
    if (status === 200) this.#take(kind, parse(body))
    this.#answer(kind, request, response, status, headers)
  }

  #take (kind: LiveCall['kind'], given: unknown): void {
    // A ping may have no body, because its headers contain the same.
    if (kind === 'ping') this.#servers.see(given)
    else for (const point of Array.isArray(given) ? given.slice(0, 10) : [given]) this.#servers.post(point)
    for (const listener of this.#listeners) listener()
  }

  #answer (kind: LiveCall['kind'], request: IncomingMessage, response: ServerResponse, status: number, headers: Record<string, string>): void {
    response.statusCode = status
    const etag = `${this.#version}`
    if (status === 200) {
      response.setHeader('x-ms-qps-subscribed', String(this.isWatched))
      if (kind === 'ping') response.setHeader('x-ms-qps-service-polling-interval-hint', String(POLLING_INTERVAL))
      if (this.isWatched) response.setHeader('x-ms-qps-configuration-etag', etag)
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    // Azure's clients treat any body as new filters, and an empty object as an error.
    if (status !== 200 || !this.isWatched || request.headers['x-ms-qps-configuration-etag'] === etag) {
      response.end()
      return
    }
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.end(JSON.stringify({ ETag: etag, ...this.#collection ?? collectionOf(this.configuration, etag) }))
  }

  #note (kind: LiveCall['kind'], url: URL, { headers }: IncomingMessage, status: number): void {
    this.calls.push({
      at: Date.now(),
      kind,
      instrumentationKey: url.searchParams.get('ikey') ?? '',
      status,
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET.test(name))),
      hasToken: headers.authorization?.startsWith('Bearer ') === true
    })
    if (this.calls.length > MAX_CALLS) this.calls.shift()
  }
}

function parse (body: Buffer): unknown {
  if (body.length === 0) return undefined
  try {
    return JSON.parse(body.toString()) as unknown
  } catch {
    throw new HttpError(400, 'The body is not JSON')
  }
}
