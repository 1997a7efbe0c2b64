/** Request → operation: silent where it is ignored, else with a SERVER span. */
import { type Context, context } from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { knownMethod } from './attributes'
import { closeResponse, countResponse } from './closing'
import { UNMATCHED } from './ignore'
import { RequestOperation, type Response, type SpanOrigin, type WithOperation } from './operation'
import { foreignServerSpan, isSampled, scopeOf, startRequestSpan, tieSpan, withRemoteParent } from './span'
import type { RequestTracing } from './tracing'
import { Fate, SILENT_REQUEST, type Operation, kOperation } from '../tracing/operation'
import { kHold } from '../tracing/sampler'
import { suppressTracing } from '../tracing/trace-context'

export function openOperation (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply): RequestOperation {
  const { url, config: routeConfig } = request.routeOptions
  const route = url ?? UNMATCHED
  const method = knownMethod(request.raw.method)
  const name = `${method} ${route}`
  const active = context.active()

  const silenced = (routeConfig as { appInsights?: boolean } | undefined)?.appInsights === false
  const ignored = silenced || tracing.isIgnored(request, method, route)
  const operation = ignored && (silenced || !tracing.keepsFailuresOfIgnored)
    ? openSilent(tracing, request, reply, name, route, active)
    : openTraced(tracing, request, reply, name, route, active, ignored)

  ;(request as WithOperation)[kOperation] = operation
  ;(reply.raw as Response)[kOperation] = operation
  tracing.onLogger?.(request.log)
  correlateLogger(tracing, request, operation)
  return operation
}

function openSilent (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply, name: string, route: string, active: Context): RequestOperation {
  const origin: SpanOrigin = { span: SILENT_REQUEST.span, parent: suppressTracing(active), fate: Fate.Dropped, foreign: false }
  return new RequestOperation(tracing, request, reply, name, route, origin, true)
}

function openTraced (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply, name: string, route: string, active: Context, ignored: boolean): RequestOperation {
  const { telemetry } = tracing
  const origin = originOf(tracing, request, name, route, active, ignored)
  const operation = new RequestOperation(tracing, request, reply, name, route, origin, ignored)
  if (origin.fate === Fate.Dropped) {
    telemetry.sampledOut++
    if (telemetry.metrics !== undefined) reply.raw.on('close', countResponse)
    return operation
  }
  if (!origin.foreign) tieSpan(origin.span, operation)
  telemetry.open.add(operation)
  reply.raw.on('close', closeResponse)
  return operation
}

/** The span that another instrumentation has opened for this request, or one of our own. */
function originOf (tracing: RequestTracing, request: FastifyRequest, name: string, route: string, active: Context, ignored: boolean): SpanOrigin {
  const { config, telemetry } = tracing
  const existing = foreignServerSpan(active)
  let parent = active
  let span = existing
  if (span === undefined) {
    parent = withRemoteParent(request.raw, active)
    if (ignored) parent = parent.setValue(kHold, true)
    span = startRequestSpan(telemetry, name, parent, config.sampler === undefined ? {} : { 'http.request.method': request.raw.method, 'http.route': route, 'url.path': request.raw.url?.split('?')[0] })
  } else {
    span.setAttribute('http.route', route)
    tracing.warn(`Requests are already traced by ${scopeOf(span)}: its spans are used, and its exporter decides where they go. Logs and exceptions are tied to them. Switch it off for incoming requests to have them reported here.`)
  }
  const fate = !span.isRecording() ? Fate.Dropped : isSampled(span) && !telemetry.holds && !ignored ? Fate.Kept : Fate.Undecided
  return { span, parent, fate, foreign: existing !== undefined }
}

/** The request's logger and its children know their operation, whatever becomes of the async context. */
function correlateLogger ({ fastify, isBoundTo }: RequestTracing, request: FastifyRequest, operation: Operation): void {
  const logger = request.log as unknown as WithOperation
  operation.logger = logger
  // A child logger factory may hand out one logger for all: then the context has to tell.
  if (request.log === fastify.log || Object.hasOwn(logger, kOperation) || !Object.isExtensible(logger)) return
  if (isBoundTo(logger, request.id)) logger[kOperation] = operation
}
