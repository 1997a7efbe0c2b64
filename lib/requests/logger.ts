/** The request's logger ↔ its operation, so that a line finds its request even if the async context is lost. */
import type { FastifyRequest } from 'fastify'
import type { RequestOperation, WithOperation } from './operation'
import type { RequestTracing } from './tracing'
import { kOperation } from '../tracing/operation'
import { messageOf } from '../warnings'

/** The logger and the request's id may be anything, a proxy or a BigInt for example. If they resist, lines still find the request by the context. */
export function connectLogger (tracing: RequestTracing, request: FastifyRequest, operation: RequestOperation): void {
  try {
    tracing.onLogger?.(request.log)
    correlateLogger(tracing, request, operation)
  } catch (error) {
    tracing.warn(`A request's logger could not be tied to its request: ${messageOf(error)}`)
  }
}

/** Child loggers inherit the operation. */
function correlateLogger ({ fastify }: RequestTracing, request: FastifyRequest, operation: RequestOperation): void {
  const logger = request.log as unknown as WithOperation
  operation.logger = logger
  if (request.log === fastify.log || !Object.isExtensible(logger)) return
  if (Object.hasOwn(logger, kOperation)) {
    // A child logger factory returned the same logger for several requests, so only the context can tell them apart.
    if (logger[kOperation] !== operation) logger[kOperation] = undefined
    return
  }
  logger[kOperation] = operation
}

/** Ties the operation to the new logger if the app has replaced `request.log`. */
export function followLogger (tracing: RequestTracing, request: FastifyRequest, operation: RequestOperation): void {
  if (operation.logger !== request.log) connectLogger(tracing, request, operation)
}
