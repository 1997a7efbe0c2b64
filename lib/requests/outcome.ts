/** Response and its connection → the status that was sent, and whether the request succeeded. */
import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { statusWritten } from './status-line'
import type { RequestTracing } from './tracing'

export const CLIENT_CLOSED_REQUEST = 499
const SWITCHING_PROTOCOLS = 101

export interface Outcome {
  /** The whole response was handed to the operating system. Upgrades, event streams and detached sockets never end, so they count as finished. */
  readonly finished: boolean
  /** Undefined if no status was sent. */
  readonly status: number | undefined
}

/**
 * @param socket the one that the request arrived on
 * @param seen whether onResponse ran after the response had ended
 * @param brokenOff whether the app itself broke off the HTTP/2 stream
 */
export function outcomeOf (response: ServerResponse, socket: Socket | undefined, seen: boolean, brokenOff = false): Outcome {
  const instead = statusWritten(response)
  if (instead !== undefined) return { finished: false, status: instead }
  if (isFinished(response, seen)) return { finished: true, status: statusOf(response) }
  const written = response.headersSent ? undefined : statusWritten(socket) ?? parserStatus(socket)
  if (written !== undefined) return { finished: written === SWITCHING_PROTOCOLS, status: written }
  const sent = response.headersSent ? statusOf(response) : undefined
  const left = !brokenOff && clientWentAway(response, socket)
  // An event stream has no end: its reader leaves, or the app closes the HTTP/2 stream without an error.
  if (sent !== undefined && (left || (brokenOff && http2Stream(response)?.rstCode === 0)) && isEndless(response)) return { finished: true, status: sent }
  return { finished: false, status: left ? CLIENT_CLOSED_REQUEST : sent }
}

type Http2Stream = Pick<EventEmitter, 'once'> & { aborted: boolean, rstCode: number, writableEnded: boolean, sentHeaders?: Record<string, unknown> } | undefined
export const http2Stream = (response: ServerResponse): Http2Stream => (response as { stream?: Http2Stream }).stream

/** The status that was sent, or would be. An app may answer on the HTTP/2 stream, and the response doesn't know of that. */
export function statusOf (response: ServerResponse): number {
  const sent = http2Stream(response)?.sentHeaders?.[':status']
  return typeof sent === 'number' ? sent : response.statusCode
}

function isFinished (response: ServerResponse, seen: boolean): boolean {
  const stream = http2Stream(response)
  // HTTP/2 emits finish for a cancelled stream too.
  if (stream !== undefined) return (response.writableEnded || (response.headersSent && stream.writableEnded && !stream.aborted)) && stream.rstCode === 0
  // inject() has no real socket, so onResponse has to say whether the response ended.
  return seen || response.writableFinished
}

/** The client closed the connection or the HTTP/2 stream. If we closed it, the socket has neither ended nor failed. */
function clientWentAway (response: ServerResponse, socket: Socket | undefined): boolean {
  const stream = http2Stream(response)
  // 8 is CANCEL.
  if (stream !== undefined) return stream.aborted || stream.rstCode === 8
  if (socket === undefined) return false
  const code = errorCodeOf(socket)
  return socket.readableEnded || code === 'ECONNRESET' || code === 'EPIPE' || code === CUT_OFF
}

// The parser's error code for a body that was cut off.
const CUT_OFF = 'HPE_INVALID_EOF_STATE'

function errorCodeOf (socket: Socket | undefined): string | undefined {
  return (socket?.errored as NodeJS.ErrnoException | null | undefined)?.code
}

/** The status that Fastify answers parser errors with, for when the write itself was not seen. */
function parserStatus (socket: Socket | undefined): number | undefined {
  const code = errorCodeOf(socket)
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  return code?.startsWith('HPE_') === true && code !== CUT_OFF ? 400 : undefined
}

function isEndless (response: ServerResponse): boolean {
  // getHeader() doesn't know headers that were only passed to writeHead(), or to an HTTP/2 stream.
  const type = String(response.getHeader('content-type') ?? http2Stream(response)?.sentHeaders?.['content-type'] ?? /\r\ncontent-type: *([^\r]*)/i.exec((response as { _header?: string })._header ?? '')?.[1])
  return /^(text\/event-stream|multipart\/x-mixed-replace)\b/i.test(type)
}

export function isSuccess ({ config }: RequestTracing, { status, finished }: Outcome, request: FastifyRequest): boolean {
  const otherwise = finished && (status === undefined || status < 400)
  if (config.requests.success === undefined || status === undefined) return otherwise
  return config.requests.success(status, request) ?? otherwise
}
