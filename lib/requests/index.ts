/** Requests → rows: opened in onRequest, closed once, when the response is through or the client has gone. */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import { closeOperation } from './closing'
import { addHooks } from './hooks'
import { createIgnore } from './ignore'
import type { RequestOperation, WithOperation } from './operation'
import { type RequestTracing, kRequestTracing } from './tracing'
import { traceUnrouted } from './unrouted'
import type { Exceptions } from '../exceptions'
import { createBindingCheck } from '../logs/pino'
import type { Config } from '../options'
import { SILENT_REQUEST, kOperation } from '../tracing/operation'
import { publicOperation } from '../tracing/public-operation'
import type { Telemetry } from '../tracing/telemetry'

/**
 * @param onLogger is called with each request's logger
 * @returns the call that stops it; requests still open then are closed as they stand
 */
export function traceRequests (
  fastify: FastifyInstance,
  config: Config,
  telemetry: Telemetry,
  exceptions: Exceptions | undefined,
  warn: (message: string) => void,
  onLogger?: (logger: FastifyBaseLogger) => void
): () => void {
  const tracing: RequestTracing = {
    fastify,
    config,
    telemetry,
    exceptions,
    warn,
    onLogger,
    isBoundTo: createBindingCheck(),
    isIgnored: createIgnore(config.ignore),
    keepsFailuresOfIgnored: config.ignore.kind === 'routes' && config.ignore.keepFailures
  }
  fastify.decorate(kRequestTracing as unknown as string, tracing)
  fastify.decorateRequest(kOperation as unknown as string, null)
  fastify.decorateRequest('appInsights', { getter (this: FastifyRequest) { const operation = (this as WithOperation)[kOperation] ?? undefined; return operation === undefined ? SILENT_REQUEST : publicOperation(operation) } })
  addHooks(fastify)
  const stopUnrouted = traceUnrouted(tracing)
  return function stop () {
    stopUnrouted()
    for (const operation of telemetry.open) closeOperation(operation as RequestOperation)
  }
}
