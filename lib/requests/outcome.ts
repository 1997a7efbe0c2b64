/** Response, and how its connection ended → the status that was sent, and whether the request was a success. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { RequestTracing } from './tracing'

export const CLIENT_CLOSED_REQUEST = 499

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

export function isSuccess ({ config }: RequestTracing, { status, finished }: Outcome, request: FastifyRequest): boolean {
  const otherwise = status !== undefined && status < 400 && finished
  if (config.requests.success === undefined || status === undefined) return otherwise
  return config.requests.success(status, request) ?? otherwise
}
