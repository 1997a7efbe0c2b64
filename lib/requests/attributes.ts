/** Request → what OpenTelemetry's HTTP conventions say of it. */
import type { Socket } from 'node:net'
import type { Attributes } from '@opentelemetry/api'
import { cut } from '../rows/cut'
import type { Config } from '../options'
import type { Connection } from './connection'
import { isAuthority } from './forwarded'
import { OTHER, knownMethod } from '../rows/methods'
import type { RequestOperation } from './operation'
import type { RawRequest } from './refused'
import type { Redactor } from '../rows/redaction'

/** Azure's limit of a url, in characters. */
export const MAX_URL = 2_048

/** The attributes of a request's row, with the headers that the app asks for. */
export function requestAttributes ({ tracing, request, reply, route, connection }: RequestOperation, status: number | undefined, attributes: Attributes): void {
  const { config, telemetry } = tracing
  const { raw } = request
  httpAttributes(raw, connection, route, telemetry, attributes)
  if (status !== undefined) attributes['http.response.status_code'] = status
  for (const name of config.requests.headers) {
    const value = raw.headers[name]
    if (value !== undefined) attributes[`http.request.header.${name}`] = String(value)
  }
  for (const name of config.requests.responseHeaders) {
    const value = reply?.getHeader(name) ?? reply?.raw.getHeader(name)
    if (value !== undefined) attributes[`http.response.header.${name}`] = String(value)
  }
}

/** As much of the instance as a request's attributes need. */
export interface Recorder { readonly redactor: Redactor, readonly config: Pick<Config, 'requests'> }

/** @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span */
export function httpAttributes (raw: RawRequest, { socket, scheme, host, clientAddress }: Connection, route: string, { redactor, config }: Recorder, attributes: Attributes): void {
  const method = knownMethod(raw.method)
  attributes['http.request.method'] = method
  // Without it the exporter would name the operation by the raw path.
  attributes['http.route'] = route
  attributes['network.protocol.version'] = raw.httpVersion
  if (method === OTHER) attributes['http.request.method_original'] = raw.method
  const server = namedServer(host) ?? parseAuthority(localAuthority(socket))
  const { authority } = server
  attributes['server.address'] = server.address
  attributes['server.port'] = server.port ?? (scheme === 'https' ? 443 : 80)
  const target = (raw as { originalUrl?: string }).originalUrl ?? raw.url ?? '/'
  // A proxy's client sends the whole url as the target.
  const url = /^https?:\/\//i.test(target) ? target : `${scheme}://${authority}${target}`
  attributes['url.full'] = cut(redactor.url(url), MAX_URL)
  if (clientAddress !== undefined) attributes['client.address'] = clientAddress
  if (isSynthetic(raw)) attributes['user_agent.synthetic.type'] = 'test'
  const agent = raw.headers['user-agent']
  if (agent !== undefined && config.requests.userAgent) attributes['user_agent.original'] = agent
}

interface HttpServer { readonly authority: string, readonly address: string, readonly port: number | undefined }

// Nearly every request of an app is for the same host.
let lastServer: HttpServer | undefined

/** undefined where a client has sent something else than a name and a port. */
function namedServer (host: string): HttpServer | undefined {
  if (lastServer?.authority === host) return lastServer
  if (!isAuthority(host)) return undefined
  lastServer = parseAuthority(host)
  return lastServer
}

/** Host and port, where it names one. */
export function parseAuthority (authority: string): HttpServer {
  const port = /:(\d{1,5})$/.exec(authority)?.[1]
  return port === undefined
    ? { authority, address: authority, port: undefined }
    : { authority, address: authority.slice(0, -port.length - 1), port: Number(port) }
}

// Of App Service: its health check, its warm-up and readiness probes, and what keeps an app loaded.
const PLATFORM_PING = /^(HealthCheck|ReadyForRequest|SiteWarmup)\/\d|\bAlwaysOn\b/

/** Availability tests of Azure's, and App Service's own pings. */
export function isSynthetic ({ headers }: RawRequest): boolean {
  const agent = headers['user-agent']
  return headers['synthetictest-runid'] !== undefined || (agent !== undefined && PLATFORM_PING.test(agent))
}

function localAuthority (socket: Socket | undefined): string {
  const address = socket?.localAddress ?? 'localhost'
  const name = address.includes(':') ? `[${address}]` : address
  return socket?.localPort === undefined ? name : `${name}:${socket.localPort}`
}
