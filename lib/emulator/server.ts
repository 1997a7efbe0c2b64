/** HTTP request → ingestion, the page or its API, after Host and Origin are checked. */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { applyCors, checkHost, checkReader } from './access'
import { Api } from './api'
import { loadPage } from './assets'
import { HttpError, sendError } from './http-error'
import type { LiveService } from './live'
import { LiveApi } from './live/api'
import type { Queries } from './kql/client'
import { Track, type TrackOptions } from './track'

export interface ServerOptions extends TrackOptions {
  readonly instrumentationKey: string
  readonly queries: Queries
  readonly live: LiveService
}

interface Site {
  readonly options: ServerOptions
  readonly track: Track
  readonly api: Api
  readonly liveApi: LiveApi
  readonly page: ReturnType<typeof loadPage>
}

const TRACK = new Set(['/v2/track', '/v2.1/track'])
const MAX_CONNECTIONS = 512

export function createServer (options: ServerOptions): { server: Server, track: Track, close: () => void } {
  const track = new Track(options)
  const api = new Api(options.store, () => track.refused, options.queries)
  const liveApi = new LiveApi(options.live)
  const site: Site = { options, track, api, liveApi, page: loadPage() }
  const server = createHttpServer({ requestTimeout: 30_000, headersTimeout: 10_000, keepAlive: true }, (request, response) => {
    handle(site, request, response).catch((error: unknown) => {
      if (error instanceof HttpError) return sendError(response, error.status, error.message)
      // The client disconnected while the request was being read or answered.
      if (request.errored || request.destroyed || response.destroyed) return response.destroy()
      sendError(response, 500, 'The emulator failed')
    })
  })
  server.maxConnections = MAX_CONNECTIONS
  // An idle client must not hold up a test that is closing.
  server.keepAliveTimeout = 60_000
  server.on('clientError', (_error, socket) => { socket.destroy() })
  return {
    server,
    track,
    close () {
      api.close()
      liveApi.close()
    }
  }
}

async function handle ({ options, track, api, liveApi, page }: Site, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { headers, method } = request
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('cache-control', 'no-store')
  response.setHeader('referrer-policy', 'no-referrer')
  checkHost(headers)

  const url = targetOf(request)
  if (TRACK.has(url.pathname)) return await track.handle(request, response, url.pathname)
  if (isAppIdQuestion(url.pathname)) {
    if (applyCors(request, response, options.origins)) answerAppId(request, response, options.instrumentationKey)
    return
  }
  if (url.pathname.startsWith('/QuickPulseService.svc/')) {
    if (applyCors(request, response, options.origins)) await options.live.handle(request, response, url)
    return
  }

  checkReader(headers)
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader('content-security-policy', page.policy)
  if (/^\/(?:api|v1)\//.test(url.pathname)) {
    if (await liveApi.handle(request, response, url)) return
    if (await api.handle(request, response, url)) return
    throw new HttpError(404, 'There is nothing here')
  }
  if (method !== 'GET' && method !== 'HEAD') throw new HttpError(405, 'Only GET is possible here')
  const asset = page.asset(url.pathname)
  if (!asset) throw new HttpError(404, 'There is nothing here')
  response.writeHead(200, { 'content-type': asset.type, 'content-length': asset.body.length })
  response.end(method === 'HEAD' ? undefined : asset.body)
}

/** An endpoint that ends in a slash makes paths that begin with two. @throws HttpError 400 */
function targetOf ({ url = '/' }: IncomingMessage): URL {
  try {
    return new URL(url.replace(/^\/+/, '/'), 'http://127.0.0.1')
  } catch {
    throw new HttpError(400, 'The request target is not a valid URL')
  }
}

function isAppIdQuestion (path: string): boolean {
  return /^\/api\/profiles\/[^/]+\/appId$/i.test(path)
}

/** The SDKs' question for an app id gets one. */
function answerAppId (request: IncomingMessage, response: ServerResponse, instrumentationKey: string): void {
  request.resume()
  response.writeHead(200, { 'content-type': 'text/plain' }).end(instrumentationKey)
}
