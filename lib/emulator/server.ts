/** HTTP request → ingestion, the page or its API, once Host and Origin have been checked. */
import { createServer as createHttpServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { createScript } from './answers'
import { createApi } from './api'
import type { RefusedItem } from './health'
import { accepted, answerTo, parse, readBody, Refusal, sort, unpack, type Sorted } from './ingestion'
import { loadPage } from './assets'
import type { Queries } from './kql/client'
import type { Envelope } from './rows'
import type { Store } from './store'

/** A post to the ingestion endpoint, and what became of it. */
export interface Post {
  /** Milliseconds since 1970. */
  at: number
  path: string
  /** What was answered; 0 where the connection was reset or left hanging by a script. */
  status: number
  /** Telemetry items in it, and how many of them were kept. */
  items: number
  accepted: number
  /** Size as it came over the wire. */
  bytes: number
  /** Without credentials. */
  headers: IncomingHttpHeaders
}

export interface ServerOptions {
  store: Store
  /** Origins of browser pages that may send telemetry besides those on this machine. */
  origins: readonly string[]
  instrumentationKey: string
  script: () => ReturnType<typeof createScript>
  posted: (post: Post) => void
  queries: Queries
}

const TRACK = new Set(['/v2/track', '/v2.1/track'])
const LOOPBACK = /^(?:localhost|[a-z0-9-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i
const SECRET = /authorization|cookie|token|secret|api-?key|password/i
/** Bodies that are being read at one time, in bytes: a crowd of large posts must not fill the memory. */
const MAX_IN_FLIGHT = 64_000_000
const MAX_CONNECTIONS = 512
/** Refused items that are remembered for the page. */
const REFUSED = 200

export function createServer (options: ServerOptions) {
  const { store, origins, script, posted, queries } = options
  const page = loadPage()
  const refusedItems: RefusedItem[] = []
  const api = createApi(store, () => refusedItems, queries)
  let inFlight = 0

  const server = createHttpServer({ requestTimeout: 30_000, headersTimeout: 10_000, keepAlive: true }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (error instanceof Refusal) return refuse(response, error.status, error.message)
      // The client went away while it was being read.
      if (request.errored || request.destroyed) return response.destroy()
      refuse(response, 500, 'The emulator failed')
    })
  })
  server.maxConnections = MAX_CONNECTIONS
  // An idle client must not keep a closing test waiting.
  server.keepAliveTimeout = 60_000
  server.on('clientError', (_error, socket) => { socket.destroy() })

  async function handle (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, method } = request
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('cache-control', 'no-store')
    response.setHeader('referrer-policy', 'no-referrer')
    // A name that somebody else's DNS points at this machine is still somebody else's page.
    if (!isOurHost(headers.host)) throw new Refusal(403, 'The emulator answers to 127.0.0.1 and localhost only')

    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (TRACK.has(url.pathname)) return await track(request, response, url.pathname)
    if (isPolite(url.pathname)) {
      if (cross(request, response)) polite(request, response)
      return
    }

    if (headers.origin !== undefined && !isSameOrigin(headers.origin, headers.host)) throw new Refusal(403, 'Other pages may not read from the emulator')
    const site = headers['sec-fetch-site']
    // Following a link from elsewhere to the page is fine, its data is not for embedding.
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate') throw new Refusal(403, 'Other pages may not read from the emulator')
    response.setHeader('cross-origin-resource-policy', 'same-origin')
    response.setHeader('content-security-policy', page.policy)

    if (url.pathname.startsWith('/api/')) {
      if (await api.handle(request, response, url)) return
      throw new Refusal(404, 'There is nothing here')
    }
    if (method !== 'GET' && method !== 'HEAD') throw new Refusal(405, 'Only GET is possible here')
    const asset = page.asset(url.pathname)
    if (!asset) throw new Refusal(404, 'There is nothing here')
    response.writeHead(200, { 'content-type': asset.type, 'content-length': asset.body.length })
    response.end(method === 'HEAD' ? undefined : asset.body)
  }

  async function track (request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (!cross(request, response)) return
    if (request.method !== 'POST') throw new Refusal(405, 'Telemetry comes by POST')
    const post: Post = { at: Date.now(), path, status: 0, items: 0, accepted: 0, bytes: 0, headers: withoutSecrets(request.headers) }
    try {
      const sorted = await receive(request, post)
      const answer = await script()({ path, headers: request.headers, items: sorted.items as Envelope[] })
      if (answer.errors) sorted.errors = [...sorted.errors, ...answer.errors.map(error => ({ statusCode: 500, message: 'Refused by the script', ...error }))]
      const usual = answerTo(sorted)
      const status = answer.status ?? usual.status
      const keep = answer.keep ?? (!answer.reset && !answer.hang && (status < 300 || answer.status === undefined))

      for (const { statusCode, message } of sorted.errors.slice(0, REFUSED)) note(statusCode, message)
      if (answer.delay) await wait(answer.delay, undefined, { ref: false })
      if (keep) post.accepted = store.add(accepted(sorted)).length
      if (answer.hang) return
      if (answer.reset) {
        request.socket.destroy()
        return
      }
      post.status = status
      const body = answer.body ?? { ...usual.body, itemsAccepted: keep ? usual.body.itemsAccepted : 0 }
      send(response, status, body, answer.headers)
    } catch (error) {
      if (error instanceof Refusal) {
        post.status = error.status
        note(error.status, error.message)
        if (error.status === 400) return send(response, 400, { itemsReceived: 0, itemsAccepted: 0, errors: [{ index: 0, statusCode: 400, message: error.message }] })
      }
      throw error
    } finally {
      posted(post)
    }
  }

  function note (statusCode: number, message: string): void {
    refusedItems.push({ at: Date.now(), statusCode, message })
    if (refusedItems.length > REFUSED) refusedItems.shift()
  }

  async function receive (request: IncomingMessage, post: Post): Promise<Sorted> {
    const expected = Number(request.headers['content-length']) || 1_000_000
    if (inFlight + expected > MAX_IN_FLIGHT) throw new Refusal(503, 'Too many posts at once')
    inFlight += expected
    try {
      const body = await readBody(request)
      post.bytes = body.length
      const sorted = sort(parse(await unpack(body, request.headers['content-encoding'])))
      post.items = sorted.items.length
      return sorted
    } finally {
      inFlight -= expected
    }
  }

  /** Lets pages of this machine send telemetry from a browser. False where the answer has been given. */
  function cross (request: IncomingMessage, response: ServerResponse): boolean {
    const { origin } = request.headers
    if (origin !== undefined) {
      // Anything on the web could post into a developer's rows otherwise.
      if (!isLocalOrigin(origin) && !origins.includes(origin)) throw new Refusal(403, 'Only pages of this machine may send telemetry to the emulator; see the option origins')
      response.setHeader('access-control-allow-origin', origin)
      response.setHeader('access-control-allow-credentials', 'true')
      response.setHeader('access-control-expose-headers', 'x-ms-qps-subscribed, retry-after')
      response.setHeader('vary', 'origin')
    }
    if (request.method !== 'OPTIONS') return true
    response.writeHead(204, {
      'access-control-allow-methods': 'POST, GET, OPTIONS',
      'access-control-allow-headers': request.headers['access-control-request-headers'] ?? 'content-type',
      'access-control-allow-private-network': 'true',
      'access-control-max-age': '3600'
    }).end()
    return false
  }

  /** Live metrics are told that nobody is watching, and the SDKs' question for an app id gets one. */
  function polite (request: IncomingMessage, response: ServerResponse): void {
    request.resume()
    if (request.url?.includes('/api/profiles/')) {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(options.instrumentationKey)
      return
    }
    response.writeHead(200, { 'content-type': 'application/json', 'x-ms-qps-subscribed': 'false' }).end('{}')
  }

  return { server, close: () => api.close() }
}

function isPolite (path: string): boolean {
  return path.startsWith('/QuickPulseService.svc/') || /^\/api\/profiles\/[^/]+\/appId$/i.test(path)
}

function isOurHost (host: string | undefined): boolean {
  // A name ends at its port; only 127.0.0.1 is bound, so the port needs no check.
  return host !== undefined && LOOPBACK.test(host.replace(/:\d+$/, ''))
}

function isLocalOrigin (origin: string): boolean {
  try {
    return LOOPBACK.test(new URL(origin).hostname)
  } catch {
    return false
  }
}

function isSameOrigin (origin: string, host: string | undefined): boolean {
  return origin === `http://${host}`
}

function withoutSecrets (headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET.test(name)))
}

function send (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  if (response.destroyed) return
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
  response.end(text)
}

function refuse (response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  // What is still being sent is not worth reading: the connection ends with the answer.
  response.setHeader('connection', 'close')
  send(response, status, { error: message })
  const { req } = response
  if (!req.complete) drain(req)
}

/** Reads and forgets a little more, so that the client can see the answer before the connection ends. */
function drain (request: IncomingMessage): void {
  let left = 32_000_000
  const timer = setTimeout(() => request.destroy(), 2_000).unref()
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
  request.once('close', () => clearTimeout(timer))
  request.once('error', () => {})
  request.resume()
}
