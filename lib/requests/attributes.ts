/** Request → its attributes, named as in OpenTelemetry's HTTP conventions. */
import type { Socket } from 'node:net'
import type { Attributes } from '@opentelemetry/api'
import type { FastifyRequest } from 'fastify'
import { cut } from '../rows/cut'
import { textOf } from '../rows/hostile'
import type { Config } from '../options'
import type { Connection } from './connection'
import { isAuthority } from './forwarded'
import { OTHER, knownMethod } from '../rows/methods'
import type { RequestOperation } from './operation'
import type { RawRequest } from './refused'
import { type Redactor, mayHoldSecret } from '../rows/redaction'

/** For a header that the app has set to a value without a text. */
const UNREADABLE = '[unreadable]'

/** Azure's limit for a URL, in characters. */
export const MAX_URL = 2_048

/** Writes the attributes of a request's row, including the headers chosen in the options. */
export function requestAttributes (operation: RequestOperation, { raw }: FastifyRequest, status: number | undefined, attributes: Attributes): void {
  const { tracing: { config, telemetry }, reply, route, connection } = operation
  if (status !== undefined) attributes['http.response.status_code'] = status
  httpAttributes(raw, connection, route, telemetry, attributes)
  operation.redactedUrl = attributes['url.full'] as string
  for (const name of config.requests.headers) {
    const value = raw.headers[name]
    if (value !== undefined) attributes[`http.request.header.${name}`] = textOf(value, UNREADABLE)
  }
  for (const name of config.requests.responseHeaders) {
    const value = reply?.getHeader(name) ?? reply?.raw.getHeader(name)
    if (value !== undefined) attributes[`http.response.header.${name}`] = textOf(value, UNREADABLE)
  }
}

/** The part of the instance that request attributes need. */
export interface Recorder { readonly redactor: Redactor, readonly config: Pick<Config, 'requests'> }

/** @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span */
export function httpAttributes (raw: RawRequest, { socket, scheme, host, clientAddress }: Connection, route: string, { redactor, config }: Recorder, attributes: Attributes): void {
  const method = knownMethod(raw.method)
  attributes['http.request.method'] = method
  // Without it, the exporter would name the operation after the raw path.
  attributes['http.route'] = route
  attributes['network.protocol.version'] = raw.httpVersion
  if (method === OTHER) attributes['http.request.method_original'] = raw.method
  const server = namedServer(host) ?? parseAuthority(localAuthority(socket))
  const { authority } = server
  attributes['server.address'] = server.address
  attributes['server.port'] = server.port ?? (scheme === 'https' ? 443 : 80)
  const target = (raw as { originalUrl?: string }).originalUrl ?? raw.url ?? '/'
  const url = absoluteUrl(target, scheme, authority)
  // A scheme and a host hold no secret, and a text that has just been put together would have to be copied first.
  const safe = mayHoldSecret(target) ? redactor.url(url) : url
  attributes['url.full'] = safe.length > MAX_URL ? cut(safe, MAX_URL) : safe
  if (clientAddress !== undefined) attributes['client.address'] = clientAddress
  if (isSynthetic(raw)) attributes['user_agent.synthetic.type'] = 'test'
  const agent = raw.headers['user-agent']
  if (agent !== undefined && config.requests.userAgent) attributes['user_agent.original'] = agent
}

function absoluteUrl (target: string, scheme: string, authority: string): string {
  if (target.startsWith('/')) return `${scheme}://${authority}${target}`
  // The client of a proxy sends the whole URL as the target. Others send `OPTIONS *`, or nonsense that must not become a part of the host.
  return /^https?:\/\//i.test(target) ? target : `${scheme}://${authority}/${target}`
}

interface HttpServer { readonly authority: string, readonly address: string, readonly port: number | undefined }

// Nearly all requests to an app name the same host.
let lastServer: HttpServer | undefined

/** Undefined if the client sent anything other than a host and an optional port. */
function namedServer (host: string): HttpServer | undefined {
  if (lastServer?.authority === host) return lastServer
  if (!isAuthority(host)) return undefined
  lastServer = parseAuthority(host)
  return lastServer
}

/** The port is undefined if the text has none. */
export function parseAuthority (authority: string): HttpServer {
  const port = /:(\d{1,5})$/.exec(authority)?.[1]
  return port === undefined
    ? { authority, address: authority, port: undefined }
    : { authority, address: authority.slice(0, -port.length - 1), port: Number(port) }
}

// App Service's health check, readiness and warm-up probes, and the ping that keeps an app loaded.
const PLATFORM_PING = /^(HealthCheck|ReadyForRequest|SiteWarmup)\/\d|\bAlwaysOn\b/

// A request asks twice, and the next request often has the same.
let lastAgent = ''
let isLastPing = false

/** Azure's availability tests and App Service's own pings. */
export function isSynthetic ({ headers }: RawRequest): boolean {
  return headers['synthetictest-runid'] !== undefined || isPlatformPing(headers['user-agent'])
}

function isPlatformPing (agent = ''): boolean {
  if (agent !== lastAgent) {
    lastAgent = agent
    isLastPing = PLATFORM_PING.test(agent)
  }
  return isLastPing
}

function localAuthority (socket: Socket | undefined): string {
  const address = socket?.localAddress ?? 'localhost'
  const name = address.includes(':') ? `[${address}]` : address
  return socket?.localPort === undefined ? name : `${name}:${socket.localPort}`
}
