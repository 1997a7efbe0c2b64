/** Requests → rows: opened in onRequest, closed once, when the response is sent or the client has gone. */
import type { Context } from '@opentelemetry/api'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import { closeOperation } from './closing'
import { addHooks } from './hooks'
import { createIgnore } from './ignore'
import { OperationNames } from './names'
import { type RequestOperation, operationOfRequest } from './operation'
import { type RequestTracing, kRequestTracing } from './tracing'
import { traceUnrouted } from './unrouted'
import type { Exceptions } from '../exceptions'
import { createBindingCheck } from '../logs/pino/internals'
import { type Config, checkRouteConfig } from '../options'
import { SILENT_REQUEST, kOperation } from '../tracing/operation'
import { type PublicOperation, publicOperation } from '../tracing/public-operation'
import type { Instance } from '../instance'

/** Callbacks for each request's logger. */
export interface RequestLines {
  /** Called for each logger, because it may have its own destination. */
  readonly follow: (logger: FastifyBaseLogger) => void
  /** Called when the operation of the logger's request is known. */
  readonly release: (logger: FastifyBaseLogger, where: Context) => void
}

/**
 * @returns a function that stops it and closes the requests that are still open
 */
export function traceRequests (
  fastify: FastifyInstance,
  config: Config,
  telemetry: Instance,
  exceptions: Exceptions | undefined,
  warn: (message: string) => void,
  lines?: RequestLines
): () => void {
  const tracing: RequestTracing = {
    fastify,
    config,
    telemetry,
    exceptions,
    warn,
    onLogger: lines?.follow,
    onOpen: lines?.release,
    isBoundTo: createBindingCheck(),
    isIgnored: createIgnore(config.ignore),
    keepsFailuresOfIgnored: config.ignore.kind === 'routes' && config.ignore.keepFailures,
    names: new OperationNames()
  }
  fastify.decorate(kRequestTracing as unknown as string, tracing)
  fastify.decorateRequest(kOperation as unknown as string, null)
  fastify.decorateRequest('appInsights', { getter (this: FastifyRequest) { return visible(this) } })
  fastify.addHook('onRoute', ({ config }) => checkRouteConfig(config?.appInsights))
  addHooks(fastify)
  const stopUnrouted = traceUnrouted(tracing)
  return function stop () {
    stopUnrouted()
    for (const operation of telemetry.open.all()) closeOperation(operation as RequestOperation)
  }
}

/** `request.appInsights` */
function visible (request: FastifyRequest): PublicOperation | typeof SILENT_REQUEST {
  const operation = operationOfRequest(request)
  return operation === undefined ? SILENT_REQUEST : publicOperation(operation)
}
