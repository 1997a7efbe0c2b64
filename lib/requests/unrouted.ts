/** What Fastify answers before its hooks run → a row all the same: a malformed URL, a parameter too long, 503 while closing. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { MAX_URL, httpAttributes, knownMethod } from './attributes'
import { count } from './closing'
import { UNMATCHED, ignoresUnmatched } from './ignore'
import type { Response } from './operation'
import { markCounted, setStatus, startRequestSpan, withRemoteParent } from './span'
import type { RequestTracing } from './tracing'
import { kOperation } from '../tracing/operation'

/** @returns the call that stops it */
export function traceUnrouted (tracing: RequestTracing): () => void {
  const { fastify } = tracing

  function onHttpFinish (message: unknown): void {
    const { request, response, server } = message as { request: IncomingMessage, response: Response, server: Server }
    if (isServerOf(fastify, server)) reportUnrouted(tracing, request, response)
  }

  function onHttp2Request (request: IncomingMessage, response: Response): void {
    response.on('finish', () => reportUnrouted(tracing, request, response))
  }

  subscribe('http.server.response.finish', onHttpFinish)
  const http2 = fastify.initialConfig.http2 === true
  if (http2) fastify.server.on('request', onHttp2Request)
  return function stop () {
    unsubscribe('http.server.response.finish', onHttpFinish)
    if (http2) fastify.server.off('request', onHttp2Request)
  }
}

function reportUnrouted ({ config, telemetry }: RequestTracing, raw: IncomingMessage, response: Response): void {
  if (response[kOperation] !== undefined) return
  response[kOperation] = null
  if (ignoresUnmatched(config.ignore)) return
  const { statusCode } = response
  const success = statusCode < 400
  const protocol = (raw.socket as TLSSocket).encrypted ? 'https' : 'http'
  const span = startRequestSpan(telemetry, `${knownMethod(raw.method)} ${UNMATCHED}`, withRemoteParent(raw))
  count(telemetry, raw, protocol, UNMATCHED, statusCode, success, 0)
  if (!span.isRecording()) {
    telemetry.sampledOut++
    return
  }
  if (telemetry.metrics !== undefined) markCounted(span)
  const attributes = httpAttributes(raw, protocol, raw.headers.host ?? '', UNMATCHED)
  attributes['url.full'] = telemetry.redactor.url(attributes['url.full'] as string).slice(0, MAX_URL)
  attributes['http.response.status_code'] = statusCode
  if (raw.socket.remoteAddress !== undefined) attributes['client.address'] = raw.socket.remoteAddress
  span.setAttributes(attributes)
  setStatus(span, statusCode, success)
  span.end()
}

// Listening on localhost, Fastify opens a second server for the other address family, on the same port.
function isServerOf (fastify: FastifyInstance, server: Server): boolean {
  if (server === fastify.server) return true
  const [own, other] = [fastify.server.address(), server.address()]
  return typeof own === 'object' && own !== null && typeof other === 'object' && other !== null && own.port === other.port
}
