/** Request → operation: silent if it is ignored, otherwise with a SERVER span. */
import { type Context } from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { context } from '../tracing/context'
import { knownMethod } from '../rows/methods'
import { closeResponse, countResponse, endOperation } from './closing'
import { connectionOf } from './connection'
import { UNMATCHED } from './ignore'
import { connectLogger } from './logger'
import { RequestOperation, type Response, type SpanOrigin, type WithOperation, sinceArrival } from './operation'
import { http2Stream } from './outcome'
import { watchError } from './response-error'
import { callerContext, otherTracer, startRequestSpan } from './span'
import { watchStatusLine } from './status-line'
import type { RequestTracing } from './tracing'
import { RowDecision, SILENT_REQUEST, bindOwnSpan, kOperation, operationOf } from '../tracing/operation'
import { baggageOf } from '../tracing/propagation'
import { RateSampler, fixedRate, kBuffer, kRouteSampler } from '../tracing/sampler'
import type { RouteConfig } from '../options'
import { isForAzure } from '../tracing/span-processor'
import { suppressTracing } from '@opentelemetry/core'

const SWITCHING_PROTOCOLS = 101

/** @param reply undefined in onRequestAbort, the only hook that doesn't get it */
export function openOperation (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply | undefined): RequestOperation {
  const { url, config: routeConfig } = request.routeOptions
  const route = url ?? UNMATCHED
  const method = knownMethod(request.raw.method)
  const name = tracing.names.of(method, route)
  const active = context.active()

  const own = (routeConfig as { appInsights?: boolean | RouteConfig } | undefined)?.appInsights
  const silenced = own === false
  const ignored = silenced || tracing.isIgnored(request, method, route)
  const isSilent = ignored && (silenced || !tracing.keepsFailuresOfIgnored)
  const origin = isSilent ? silentOrigin(active) : originOf(tracing, request, reply, name, route, active, ignored, typeof own === 'object' ? own : undefined)
  const keepsAddress = tracing.config.requests.clientAddress && origin.decision !== RowDecision.Drop
  const connection = connectionOf(request, reply?.raw, keepsAddress)
  const operation = new RequestOperation(tracing, request, reply, name, route, origin, connection, ignored)
  if (isSilent) tracing.telemetry.ignored++
  else awaitEnd(operation, request)

  ;(request as WithOperation)[kOperation] = operation
  if (reply !== undefined) {
    (reply.raw as Response)[kOperation] = operation
    watchError(reply.raw)
  }
  connectLogger(tracing, request, operation)
  if (isSilent || !awaitsEnd(operation)) operation.release()
  return operation
}

function silentOrigin (active: Context): SpanOrigin {
  return { span: SILENT_REQUEST.span, parent: suppressTracing(active), decision: RowDecision.Drop }
}

function originOf (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply | undefined, name: string, route: string, active: Context, ignored: boolean, own: RouteConfig | undefined): SpanOrigin {
  const { config, telemetry } = tracing
  let parent = callerContext(request.raw, active, (reply?.raw as Response | undefined)?.[kOperation])
  if (ignored) parent = parent.setValue(kBuffer, true)
  if (own !== undefined) parent = parent.setValue(kRouteSampler, samplerOf(own))
  const other = otherTracer(active)
  if (other !== undefined) tracing.warn(`Requests are also traced by ${other}, which has its own tracer provider. If that also sends to Application Insights, every request appears twice: turn it off for incoming requests.`)
  const attributes = config.sampler === undefined ? undefined : { 'http.request.method': request.raw.method, 'http.route': route, 'url.path': request.raw.url?.split('?')[0] }
  const span = startRequestSpan(telemetry, name, parent, Math.max(sinceArrival(request.raw), reply?.elapsedTime ?? 0), attributes)
  const decision = !span.isRecording() ? RowDecision.Drop : isForAzure(span) && !telemetry.buffers && !ignored ? RowDecision.Keep : RowDecision.Pending
  return { span, parent, decision }
}

// All requests of a route share one RouteConfig object.
const routeSamplers = new WeakMap<RouteConfig, RateSampler>()

function samplerOf (own: RouteConfig): RateSampler {
  let sampler = routeSamplers.get(own)
  if (sampler === undefined) routeSamplers.set(own, sampler = new RateSampler(fixedRate(own.samplingRatio)))
  return sampler
}

function takeBaggage (operation: RequestOperation): void {
  const { baggage } = operation.tracing.config
  if (baggage !== true && baggage.length === 0) return
  for (const [name, { value }] of baggageOf(operation.context)) {
    if (baggage === true || baggage.includes(name)) operation.set(name, value)
  }
}

/** The response's close event ends the operation. An upgraded connection is answered on its socket instead. */
function awaitEnd (operation: RequestOperation, request: FastifyRequest): void {
  const { tracing: { telemetry }, reply, decision } = operation
  const isDropped = decision === RowDecision.Drop
  if (isDropped) telemetry.sampledOut++
  else telemetry.open.add(operation)
  if (!isDropped) {
    bindOwnSpan(operation)
    takeBaggage(operation)
  }
  if (reply === undefined) return
  if (!isDropped) reply.raw.on('close', closeResponse)
  else if (awaitsEnd(operation)) reply.raw.on('close', countResponse)
  if (isUpgrade(request)) awaitHandshake(operation)
  watchStream(operation, reply)
}

/** HTTP/2 doesn't tell who broke off a stream. If it was the app, or Fastify because the payload failed, the event comes in the request's context. */
function watchStream (operation: RequestOperation, { raw }: FastifyReply): void {
  http2Stream(raw)?.once('aborted', () => {
    operation.brokenOff = operationOf(context.active()) === operation
  })
}

/** Nothing is said about the end of a request that has no row and is not counted. */
function awaitsEnd ({ tracing: { telemetry }, decision }: RequestOperation): boolean {
  return decision !== RowDecision.Drop || telemetry.metrics !== undefined || telemetry.live !== undefined
}

/** Node sets `upgrade` on the message if the server listens for `upgrade` events. Injected messages don't have it. */
function isUpgrade ({ raw }: FastifyRequest): boolean {
  return (raw as { upgrade?: boolean }).upgrade ?? (raw.headers.upgrade !== undefined)
}

// The connection may live for hours, so the request ends with its handshake.
function awaitHandshake (operation: RequestOperation): void {
  const { socket } = operation.connection
  if (socket === undefined) return
  watchStatusLine(socket, status => {
    if (status === SWITCHING_PROTOCOLS) endOperation(operation)
  })
}
