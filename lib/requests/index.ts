/** Request → SERVER span: opened in onRequest, closed once, when the response is through or the client has gone. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type Context, type Span, SpanKind, trace } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import type { ReadableSpan, Sampler } from '@opentelemetry/sdk-trace-base'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Exceptions } from '../exceptions'
import { MAX_URL, httpAttributes, isSynthetic, knownMethod, outcomeOf, setStatus } from './http'
import { UNMATCHED, createIgnore, ignoresUnmatched } from './ignore'
import { PROCESSED, PROCESSED_REQUEST } from '../metrics'
import { context } from '../tracing/context'
import type { Instance } from '../tracing/instance'
import { Fate, Operation, SILENT_REQUEST, bindSpan, kOperation, operationOf } from '../tracing/operation'
import { isOwn } from '../tracing/own-spans'
import { baggageOf, incomingContext } from '../tracing/propagation'
import { type Config, type RouteConfig, checkRouteConfig } from '../options'
import { createBindingCheck } from '../logs/pino'
import { OPERATION_NAME, SAMPLE_RATE } from '../rows/attribute-names'
import { propertiesOf } from '../rows/properties'
import { RateSampler, fixedRate, kHold, kRouteSampler } from '../tracing/sampler'
import { isForAzure } from '../tracing/span-processor'
import { messageOf } from '../warnings'

interface WithOperation { [kOperation]?: Operation | null }
type Response = ServerResponse & WithOperation

class RequestOperation extends Operation {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: string
  /** Asked for at the start: a closed socket has none. */
  readonly clientAddress: string | undefined
  /** The response's finish was seen. */
  finished = false

  constructor (telemetry: Instance, request: FastifyRequest, reply: FastifyReply, name: string, route: string, span: Span, parent: Context, fate: Fate, ignored: boolean) {
    super(telemetry, name, span, parent, fate, ignored)
    this.request = request
    this.reply = reply
    this.route = route
    this.clientAddress = fate === Fate.Dropped ? undefined : request.ip
  }

  /** What charts are divided by: its route, or what the app has named it. */
  get chartName (): string {
    if (!this.isRenamed) return this.route
    const method = `${knownMethod(this.request.raw.method)} `
    return this.name.startsWith(method) ? this.name.slice(method.length) : this.name
  }
}

/**
 * @param onLogger is called with each request's logger
 * @returns the call that stops it; requests still open then are closed as they stand
 */
export function traceRequests (
  fastify: FastifyInstance,
  config: Config,
  telemetry: Instance,
  exceptions: Exceptions | undefined,
  warn: (message: string) => void,
  onLogger?: (logger: FastifyBaseLogger) => void
): () => void {
  const isBoundTo = createBindingCheck()
  const isIgnored = createIgnore(config.ignore, warn)
  const keepsFailuresOfIgnored = config.ignore.kind === 'routes' && config.ignore.keepFailures

  fastify.decorateRequest(kOperation as unknown as string, null)
  fastify.decorateRequest('appInsights', { getter (this: FastifyRequest) { return (this as WithOperation)[kOperation] ?? SILENT_REQUEST } })
  fastify.addHook('onRoute', ({ config }) => checkRouteConfig(config?.appInsights))
  fastify.addHook('onRequest', openRequest)
  // A parsed body, a timer or an emitter may have lost the context that onRequest set.
  fastify.addHook('preValidation', function enterValidation (request, _reply, done) { enter(request, done) })
  fastify.addHook('onSend', function enterSend (request, _reply, _payload, done) { enter(request, done) })
  fastify.addHook('onResponse', function enterResponse (request, reply, done) {
    const operation = operationOfRequest(request)
    // An error of the response ends here too, but without its end.
    if (operation instanceof RequestOperation) operation.finished = reply.raw.writableEnded
    enter(request, done)
  })
  fastify.addHook('onRequestAbort', function enterAbort (request, done) { enter(request, done) })
  fastify.addHook('onError', function expectException (request, _reply, error, done) {
    const operation = operationOfRequest(request)
    if (operation !== undefined) exceptions?.expect(operation, error)
    enter(request, done)
  })

  function openRequest (request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { url, config: routeConfig } = request.routeOptions
    const route = url ?? UNMATCHED
    const method = knownMethod(request.raw.method)
    const name = `${method} ${route}`
    const active = context.active()

    const own = (routeConfig as { appInsights?: boolean | RouteConfig } | undefined)?.appInsights
    const silenced = own === false
    const ignored = silenced || isIgnored(request, method, route)
    const operation = ignored && (silenced || !keepsFailuresOfIgnored)
      ? openSilent(request, reply, name, route, active)
      : openTraced(request, reply, name, route, active, ignored, typeof own === 'object' ? samplerOf(own) : undefined)

    ;(request as WithOperation)[kOperation] = operation
    ;(reply.raw as Response)[kOperation] = operation
    onLogger?.(request.log)
    correlateLogger(fastify, request, operation, isBoundTo)
    context.with(operation.context, done)
  }

  function openSilent (request: FastifyRequest, reply: FastifyReply, name: string, route: string, active: Context): RequestOperation {
    telemetry.ignored++
    return new RequestOperation(telemetry, request, reply, name, route, SILENT_REQUEST.span, suppressTracing(active), Fate.Dropped, true)
  }

  // The same object for all requests of a route.
  const routeSamplers = new WeakMap<RouteConfig, Sampler>()
  function samplerOf (own: RouteConfig): Sampler {
    let sampler = routeSamplers.get(own)
    if (sampler === undefined) routeSamplers.set(own, sampler = new RateSampler(fixedRate(own.samplingRatio)))
    return sampler
  }

  function openTraced (request: FastifyRequest, reply: FastifyReply, name: string, route: string, active: Context, ignored: boolean, sampler: Sampler | undefined): RequestOperation {
    let parent = incomingContext(active, request.raw.headers)
    if (ignored) parent = parent.setValue(kHold, true)
    if (sampler !== undefined) parent = parent.setValue(kRouteSampler, sampler)
    warnOfOther(active)
    const span = telemetry.startSpan(name, SpanKind.SERVER, parent, config.sampler === undefined ? undefined : { 'http.request.method': request.raw.method, 'http.route': route, 'url.path': request.raw.url?.split('?')[0] })
    const fate = !span.isRecording() ? Fate.Dropped : isForAzure(span) && !telemetry.holds && !ignored ? Fate.Kept : Fate.Undecided
    const operation = new RequestOperation(telemetry, request, reply, name, route, span, parent, fate, ignored)
    if (fate === Fate.Dropped) {
      telemetry.sampledOut++
      if (telemetry.metrics !== undefined) reply.raw.on('close', countResponse)
      return operation
    }
    bindSpan(span, operation)
    if (config.baggage === true || config.baggage.length > 0) takeBaggage(operation, parent)
    telemetry.open.add(operation)
    reply.raw.on('close', closeResponse)
    return operation
  }

  function takeBaggage (operation: Operation, parent: Context): void {
    for (const [name, { value }] of baggageOf(parent)) {
      if (config.baggage === true || config.baggage.includes(name)) operation.set(name, value)
    }
  }

  let saidOther = false
  function warnOfOther (active: Context): void {
    if (saidOther) return
    const span = trace.getSpan(active)
    if (span === undefined || isOwn(span)) return
    const { kind, ended, instrumentationScope } = span as Span & Partial<ReadableSpan>
    if (kind !== SpanKind.SERVER || ended === true) return
    saidOther = true
    warn(`Requests are also traced by ${instrumentationScope?.name ?? 'another instrumentation'}, with a tracer provider of its own: if that one sends to Application Insights too, every request is there twice. Then switch it off for incoming requests.`)
  }

  function closeResponse (this: Response): void {
    const operation = this[kOperation]
    if (operation instanceof RequestOperation) close(operation)
  }

  // Sampled out: there is no row, but metrics count it.
  function countResponse (this: Response): void {
    const operation = this[kOperation]
    if (!(operation instanceof RequestOperation)) return
    const { request, reply } = operation
    const { finished, status } = outcomeOf(reply.raw, request.raw, operation.finished)
    count(request.raw, request.protocol, operation.chartName, status, isSuccess(status, finished, request), reply.elapsedTime)
  }

  function count (raw: IncomingMessage, scheme: string, route: string, status: number | undefined, success: boolean, duration: number): void {
    telemetry.metrics?.request({ method: knownMethod(raw.method), route, scheme, status, success, synthetic: isSynthetic(raw), duration })
  }

  function close (operation: RequestOperation): void {
    // Response, abort and shutdown race: whoever takes it out of the set closes it.
    if (!telemetry.open.delete(operation)) return
    const { request, reply, span } = operation
    const { finished, status } = outcomeOf(reply.raw, request.raw, operation.finished)
    exceptions?.settle(operation, reply.raw.statusCode)
    const success = isSuccess(status, finished, request)
    enrich(operation, request, reply)
    telemetry.enrich(span, operation)
    describe(operation, status)
    setStatus(span, status, success)
    const slow = config.keepSlowerThan !== undefined && reply.elapsedTime > config.keepSlowerThan
    operation.certain = (config.keepErrors && !success) || slow || (operation.ignored && !success)
    if (operation.certain) span.setAttribute(SAMPLE_RATE, 100)
    if (!operation.ignored || operation.certain) {
      count(request.raw, request.protocol, operation.chartName, status, success, reply.elapsedTime)
      if (telemetry.metrics !== undefined) span.setAttribute(PROCESSED, PROCESSED_REQUEST)
    }
    operation.decide(operation.certain || (isForAzure(span) && !operation.ignored))
    span.end()
  }

  function describe (operation: RequestOperation, status: number | undefined): void {
    const { request, reply, span } = operation
    const { raw } = request
    const { headers } = raw
    const { attributes, ended } = span as unknown as ReadableSpan
    if (ended) return
    httpAttributes(raw, request.protocol, request.host, operation.route, attributes)
    attributes['url.full'] = telemetry.redactor.url(attributes['url.full'] as string).slice(0, MAX_URL)
    if (operation.isRenamed) attributes[OPERATION_NAME] = operation.name
    if (status !== undefined) attributes['http.response.status_code'] = status
    if (operation.clientAddress !== undefined) attributes['client.address'] = operation.clientAddress
    for (const name of config.requests.headers) {
      const value = headers[name]
      if (value !== undefined) attributes[`http.request.header.${name}`] = String(value)
    }
    for (const name of config.requests.responseHeaders) {
      const value = reply.getHeader(name) ?? reply.raw.getHeader(name)
      if (value !== undefined) attributes[`http.response.header.${name}`] = String(value)
    }
  }

  function isSuccess (status: number | undefined, finished: boolean, request: FastifyRequest): boolean {
    const otherwise = status !== undefined && status < 400 && finished
    if (config.requests.success === undefined || status === undefined) return otherwise
    try {
      return config.requests.success(status, request) === true
    } catch (error) {
      warn(`requests.success failed, the default is used: ${messageOf(error)}`)
      return otherwise
    }
  }

  function enrich (operation: RequestOperation, request: FastifyRequest, reply: FastifyReply): void {
    if (config.requests.enrich === undefined) return
    try {
      const properties = config.requests.enrich(request, reply)
      if (properties !== undefined && properties !== null) operation.attributes = { ...operation.attributes, ...propertiesOf(properties) }
    } catch (error) {
      warn(`requests.enrich failed: ${messageOf(error)}`)
    }
  }

  // What Fastify answers before its hooks run: a malformed URL, a parameter too long, 503 while closing.
  function reportUnrouted (raw: IncomingMessage, response: Response): void {
    if (response[kOperation] !== undefined) return
    response[kOperation] = null
    if (ignoresUnmatched(config.ignore)) {
      telemetry.ignored++
      return
    }
    const span = telemetry.startSpan(`${knownMethod(raw.method)} ${UNMATCHED}`, SpanKind.SERVER, incomingContext(context.active(), raw.headers))
    const protocol = (raw.socket as TLSSocket).encrypted ? 'https' : 'http'
    count(raw, protocol, UNMATCHED, response.statusCode, response.statusCode < 400, 0)
    if (!span.isRecording()) {
      telemetry.sampledOut++
      return
    }
    if (telemetry.metrics !== undefined) span.setAttribute(PROCESSED, PROCESSED_REQUEST)
    const attributes = httpAttributes(raw, protocol, raw.headers.host ?? '', UNMATCHED)
    attributes['url.full'] = telemetry.redactor.url(attributes['url.full'] as string).slice(0, MAX_URL)
    attributes['http.response.status_code'] = response.statusCode
    if (raw.socket.remoteAddress !== undefined) attributes['client.address'] = raw.socket.remoteAddress
    span.setAttributes(attributes)
    setStatus(span, response.statusCode, response.statusCode < 400)
    span.end()
  }

  function onHttpFinish (message: unknown): void {
    const { request, response, server } = message as { request: IncomingMessage, response: Response, server: Server }
    if (isOurs(server)) reportUnrouted(request, response)
  }

  function onHttp2Request (request: IncomingMessage, response: Response): void {
    response.on('finish', () => reportUnrouted(request, response))
  }

  // Listening on localhost, Fastify opens a second server for the other address family, on the same port.
  function isOurs (server: Server): boolean {
    if (server === fastify.server) return true
    const [own, other] = [fastify.server.address(), server.address()]
    return typeof own === 'object' && own !== null && typeof other === 'object' && other !== null && own.port === other.port
  }

  subscribe('http.server.response.finish', onHttpFinish)
  const http2 = fastify.initialConfig.http2 === true
  if (http2) fastify.server.on('request', onHttp2Request)

  return function stop () {
    unsubscribe('http.server.response.finish', onHttpFinish)
    if (http2) fastify.server.off('request', onHttp2Request)
    for (const operation of telemetry.open) close(operation as RequestOperation)
  }
}

function operationOfRequest (request: FastifyRequest): Operation | undefined {
  return (request as WithOperation)[kOperation] ?? undefined
}

/** Goes on in the request's context; what the app has put into it since stays. */
function enter (request: FastifyRequest, done: () => void): void {
  const operation = operationOfRequest(request)
  if (operation === undefined || operationOf(context.active()) === operation) done()
  else context.with(operation.context, done)
}

/** The request's logger and its children know their operation, whatever becomes of the async context. */
function correlateLogger (fastify: FastifyInstance, request: FastifyRequest, operation: Operation, isBoundTo: (logger: object, requestId: string) => boolean): void {
  const logger = request.log as unknown as WithOperation
  operation.logger = logger
  // A child logger factory may hand out one logger for all: then the context has to tell.
  if (request.log === fastify.log || Object.hasOwn(logger, kOperation) || !Object.isExtensible(logger)) return
  if (isBoundTo(logger, request.id)) logger[kOperation] = operation
}
