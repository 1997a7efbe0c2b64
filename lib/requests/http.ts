/** Node's request and response → what OpenTelemetry's HTTP conventions say of them. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api'

/** Azure's limit of a url, in characters. */
export const MAX_URL = 2_048

const CLIENT_CLOSED_REQUEST = 499
export const OTHER = '_OTHER'

// What the conventions know; any other would let a client invent names.
export const METHODS: readonly string[] = Object.freeze(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY', OTHER])
const known = new Set(METHODS)

export function knownMethod (method: string | undefined): string {
  return known.has(method!) ? method! : OTHER
}

export interface Outcome {
  /** The last byte was handed to the system. */
  readonly finished: boolean
  /** undefined where none was sent. */
  readonly status: number | undefined
}

/** @param seen whether onResponse has seen the response's finish */
export function outcomeOf (response: ServerResponse, request: IncomingMessage, seen: boolean): Outcome {
  const finished = isFinished(response, seen)
  return { finished, status: finished ? response.statusCode : unfinishedStatus(response, request) }
}

type Http2Stream = { aborted: boolean, rstCode: number } | undefined
const http2Stream = (response: ServerResponse): Http2Stream => (response as { stream?: Http2Stream }).stream

function isFinished (response: ServerResponse, seen: boolean): boolean {
  const stream = http2Stream(response)
  // HTTP/2 says finish for a cancelled stream too.
  if (stream !== undefined) return response.writableEnded && stream.rstCode === 0
  // inject() has no socket that would tell; there the finish was seen by onResponse.
  return seen || response.writableFinished
}

/** 499 where the client went away; else the connection was cut here: the status sent until then, if any. */
function unfinishedStatus (response: ServerResponse, request: IncomingMessage): number | undefined {
  if (clientWentAway(response, request)) return CLIENT_CLOSED_REQUEST
  return response.headersSent ? response.statusCode : undefined
}

/** The other end closed the connection or the HTTP/2 stream; where we did, its socket neither ended nor failed. */
function clientWentAway (response: ServerResponse, request: IncomingMessage): boolean {
  const stream = http2Stream(response)
  // 8 is CANCEL.
  if (stream !== undefined) return stream.aborted || stream.rstCode === 8
  const socket = request.socket
  if (socket === null || socket === undefined) return false
  const code = (socket.errored as NodeJS.ErrnoException | null | undefined)?.code
  return socket.readableEnded || code === 'ECONNRESET' || code === 'EPIPE' || code === 'HPE_INVALID_EOF_STATE'
}

/** @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span */
export function httpAttributes (raw: IncomingMessage, protocol: string, host: string, route: string, attributes: Attributes = {}): Attributes {
  const method = knownMethod(raw.method)
  attributes['http.request.method'] = method
  // Without it the exporter would name the operation by the raw path.
  attributes['http.route'] = route
  attributes['network.protocol.version'] = raw.httpVersion
  if (method === OTHER) attributes['http.request.method_original'] = raw.method
  const server = namedServer(host) ?? parseAuthority(localAuthority(raw))
  const { authority } = server
  attributes['server.address'] = server.address
  attributes['server.port'] = server.port ?? (protocol === 'https' ? 443 : 80)
  const target = (raw as { originalUrl?: string }).originalUrl ?? raw.url ?? '/'
  // A proxy's client sends the whole url as the target.
  attributes['url.full'] = /^https?:\/\//i.test(target) ? target : `${protocol}://${authority}${target}`
  if (isSynthetic(raw)) attributes['user_agent.synthetic.type'] = 'test'
  const agent = raw.headers['user-agent']
  if (agent !== undefined) attributes['user_agent.original'] = agent
  return attributes
}

interface HttpServer { readonly authority: string, readonly address: string, readonly port: number | undefined }

// Nearly every request of an app is for the same host.
let lastServer: HttpServer | undefined

/** undefined where a client has sent something else than a name and a port. */
function namedServer (host: string): HttpServer | undefined {
  if (lastServer?.authority === host) return lastServer
  if (!/^[\w.:[\]-]+$/.test(host)) return undefined
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

/** Availability tests of Azure's, and App Service's own pings. */
export function isSynthetic ({ headers }: IncomingMessage): boolean {
  return headers['synthetictest-runid'] !== undefined || headers['user-agent']?.includes('AlwaysOn') === true
}

function localAuthority ({ socket }: IncomingMessage): string {
  const address = socket?.localAddress ?? 'localhost'
  const name = address.includes(':') ? `[${address}]` : address
  return socket?.localPort === undefined ? name : `${name}:${socket.localPort}`
}

/** The exporter takes an unset status for "below 400 is a success". */
export function setStatus (span: Span, status: number | undefined, success: boolean): void {
  if (!success) span.setAttribute('error.type', String(status ?? 'connection_closed'))
  const unset = status !== undefined && status < 500 && (status < 400) === success && status !== CLIENT_CLOSED_REQUEST
  if (!unset) span.setStatus({ code: success ? SpanStatusCode.OK : SpanStatusCode.ERROR })
}
