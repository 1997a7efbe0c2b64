/** Requests that skip our hooks → their rows: Node or Fastify refused them, or other code on the server answered them. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { type Context, ROOT_CONTEXT } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import { context } from '../tracing/context'
import { httpAttributes } from './attributes'
import { knownMethod } from '../rows/methods'
import { count } from './closing'
import { type Connection, rawConnection } from './connection'
import { addResponse, newestResponse, removeResponse } from './connection-end'
import { UNMATCHED, ignoresUnmatched } from './ignore'
import { type Response, markArrival, sinceArrival } from './operation'
import { statusOf } from './outcome'
import { type ClientError, type RawRequest, refusedRequest } from './refused'
import { callerContext, endSpan, markCounted, setStatus, startRequestSpan } from './span'
import { setStatusWritten, statusWritten, watchStatusLine } from './status-line'
import type { RequestTracing } from './tracing'
import { kOperation } from '../tracing/operation'
import { messageOf } from '../warnings'

/** @returns a function that stops it */
export function traceUnrouted (tracing: RequestTracing): () => void {
  const { fastify } = tracing
  const { server } = fastify

  function onHttpStart (message: unknown): void {
    const { request, response, socket } = message as { request: IncomingMessage, response: Response, socket: Socket }
    markArrival(request)
    addResponse(socket, response)
  }

  function onHttpFinish (message: unknown): void {
    const { request, response, server, socket } = message as { request: IncomingMessage, response: Response, server: Server, socket: Socket }
    removeResponse(socket, response)
    if (response[kOperation] === undefined && isServerOf(fastify, server)) awaitHooks(tracing, request, connectionOf(tracing, request), response)
  }

  function onHttp2Request (request: IncomingMessage, response: Response): void {
    markArrival(request)
    // A finished stream no longer has its socket.
    const connection = connectionOf(tracing, request)
    response.on('finish', () => awaitHooks(tracing, request, connection, response))
  }

  function onClientError (error: ClientError, socket: Socket): void {
    awaitAnswer(tracing, error, socket)
  }

  subscribe('http.server.request.start', onHttpStart)
  subscribe('http.server.response.finish', onHttpFinish)
  // Must run before Fastify's listener, which answers some errors at once.
  server.prependListener('clientError', onClientError)
  const http2 = fastify.initialConfig.http2 === true
  if (http2) server.prependListener('request', onHttp2Request)
  return function stop () {
    unsubscribe('http.server.request.start', onHttpStart)
    unsubscribe('http.server.response.finish', onHttpFinish)
    server.off('clientError', onClientError)
    if (http2) server.off('request', onHttp2Request)
  }
}

/**
 * Whether the plugin is registered on the app itself. In a child context, it gets the requests of that context only, and
 * those of others aren't unmatched. Fastify's children inherit from their parent.
 */
function coversApp (fastify: FastifyInstance): boolean {
  return !('addHook' in (Object.getPrototypeOf(fastify) as object))
}

function connectionOf ({ config }: RequestTracing, raw: RawRequest): Connection {
  return rawConnection(raw, config.requests.clientAddress)
}

/** If an earlier hook answered without Fastify, our onResponse runs after the response's finish event. */
function awaitHooks (tracing: RequestTracing, raw: IncomingMessage, connection: Connection, response: Response): void {
  if (response.closed) reportAnswered(tracing, raw, connection, response)
  else response.once('close', () => reportAnswered(tracing, raw, connection, response))
}

function reportAnswered (tracing: RequestTracing, raw: IncomingMessage, connection: Connection, response: Response): void {
  if (response[kOperation] !== undefined) return
  if (!coversApp(tracing.fastify)) {
    tracing.warn('fastify-app-insights is registered in a child context, so requests of other contexts have no rows. Register it on the app itself, or wrap your own plugin around it in fastify-plugin.')
    return
  }
  response[kOperation] = null
  report(tracing, { raw, where: context.active(), connection, status: statusOf(response), duration: sinceArrival(raw) })
}

/** After a parser error, the answer is written straight to the socket. */
function awaitAnswer (tracing: RequestTracing, error: ClientError, socket: Socket): void {
  // The client has gone.
  if (error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE' || socket.destroyed) return
  // If a request is still open on this connection, its own row gets the status.
  const response = newestResponse(socket)
  const isOpen = response?.writableFinished === false
  const stop = watchStatusLine(socket, status => {
    if (isOpen && !response.headersSent) setStatusWritten(response, status)
  })
  const raw = isOpen ? undefined : refusedRequest(error, socket)
  // Read now: a closed socket has no address.
  const answered = raw === undefined ? undefined : { raw, connection: connectionOf(tracing, raw) }
  socket.once('close', () => {
    stop()
    const status = statusWritten(socket)
    // The active context is the one in which the app began to listen.
    if (status !== undefined && answered !== undefined) report(tracing, { ...answered, where: ROOT_CONTEXT, status, duration: 0 })
  })
}

/** The duration is in milliseconds. */
interface Answered { readonly raw: RawRequest, readonly where: Context, readonly connection: Connection, readonly status: number, readonly duration: number }

function report (tracing: RequestTracing, answered: Answered): void {
  const { config, telemetry, warn } = tracing
  if (ignoresUnmatched(config.ignore)) {
    telemetry.ignored++
    return
  }
  try {
    write(tracing, answered)
  } catch (error) {
    // In an event, an error would end the process.
    warn(`A request without a route could not be reported: ${messageOf(error)}`)
  }
}

function write ({ telemetry }: RequestTracing, { raw, where, connection, status, duration }: Answered): void {
  const success = status < 400
  const span = startRequestSpan(telemetry, `${knownMethod(raw.method)} ${UNMATCHED}`, callerContext(raw, where), duration)
  count(telemetry, raw, connection.scheme, UNMATCHED, status, success, duration)
  if (!span.isRecording()) {
    telemetry.sampledOut++
    return
  }
  if (telemetry.metrics !== undefined) markCounted(span)
  const attributes = { 'http.response.status_code': status }
  httpAttributes(raw, connection, UNMATCHED, telemetry, attributes)
  span.setAttributes(attributes)
  setStatus(span, status, success)
  telemetry.live?.skip(span)
  endSpan(span)
}

// On localhost, Fastify opens a second server on the same port for the other address family.
function isServerOf (fastify: FastifyInstance, server: Server): boolean {
  if (server === fastify.server) return true
  const [own, other] = [fastify.server.address(), server.address()]
  return typeof own === 'object' && own !== null && typeof other === 'object' && other !== null && own.port === other.port
}
