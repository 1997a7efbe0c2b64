/** The service's side of Live Metrics: servers ask whether somebody watches, and post while somebody does. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { HttpError } from '../http-error'
import { decompress, readBody } from '../ingestion'
import { collectionOf, type LiveConfiguration } from './configuration'
import { LiveServers, type LiveDocument, type LiveServer } from './servers'

export type { LiveConfiguration, LiveFilter, TelemetryType } from './configuration'
export type { LiveDocument, LivePoint, LiveServer } from './servers'

/** How one ping or post is answered, instead of the usual way. */
export interface LiveAnswer {
  /** @default 200 */
  status?: number
  headers?: Record<string, string>
  /** The connection is cut. @default false */
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
  /** Whether it brought a bearer token. */
  hasToken: boolean
}

/** What a test, or the page, sees of Live Metrics. */
export interface Live {
  /** Servers that have asked or posted within two minutes. */
  readonly servers: readonly LiveServer[]
  /** The latest sample of what they do, oldest first, 200 at most. */
  readonly documents: readonly LiveDocument[]
  /** The latest pings and posts, oldest first, 1,000 at most. */
  readonly calls: readonly LiveCall[]
  readonly isWatched: boolean
  readonly configuration: LiveConfiguration
  /** Somebody watches from now on, until the function that is returned is called. */
  watch (configuration?: LiveConfiguration): () => void
  /** Which items are shown, for everybody who watches. */
  configure (configuration: LiveConfiguration): void
  /** Raw, as the service would send it: for filters that the page does not make. */
  collect (collection: object | undefined): void
  /** How the next pings and posts are answered, one each. */
  respondWith (...answers: LiveAnswer[]): void
}

/** How often servers are to ask, in milliseconds: a developer does not wait for five seconds. */
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

  /** Called after every post. @returns how to stop */
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
    // A ping may have no body: all that it says is in its headers too.
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
    // Azure's clients take a body for new filters, and an empty object for a mistake.
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
