/** The request's logger ↔ its operation, so that a line finds its request even if the async context is lost. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestOperation, Response, WithOperation } from './operation'
import type { RequestTracing } from './tracing'
import { kOperation } from '../tracing/operation'
import { messageOf } from '../warnings'

/** The logger and the request's id may be anything, a proxy or a BigInt for example. If they resist, lines still find the request by the context. */
export function connectLogger (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply | undefined, operation: RequestOperation): void {
  try {
    tracing.onLogger?.(request.log)
    correlateLogger(tracing, request, reply, operation)
  } catch (error) {
    tracing.warn(`A request's logger could not be tied to its request: ${messageOf(error)}`)
  }
}

/** Child loggers inherit the operation. */
function correlateLogger (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply | undefined, operation: RequestOperation): void {
  const { fastify, isBoundTo } = tracing
  const logger = request.log as unknown as WithOperation
  operation.logger = logger
  if (request.log === fastify.log || !Object.isExtensible(logger)) return
  if (Object.hasOwn(logger, kOperation)) {
    // A child logger factory returned the same logger for several requests, so only the context can tell them apart.
    if (logger[kOperation] !== operation) logger[kOperation] = undefined
    return
  }
  logger[kOperation] = operation
  // The app may serialize, redact or replace the id. Only the second request shows whether each one has its own logger.
  if (!isBoundTo(logger, request.id) && !hasOwnLoggers(tracing, logger)) reply?.raw.on('close', releaseLogger)
}

/** Ties the operation to the new logger if the app has replaced `request.log`. */
export function followLogger (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply, operation: RequestOperation): void {
  if (operation.logger !== request.log) connectLogger(tracing, request, reply, operation)
}

function hasOwnLoggers (tracing: RequestTracing, logger: object): boolean {
  if (tracing.firstLogger === undefined) tracing.firstLogger = new WeakRef(logger)
  return tracing.firstLogger.deref() !== logger
}

/** The request has ended, so a logger that other requests may share must not keep pointing to it. */
function releaseLogger (this: Response): void {
  const operation = this[kOperation]
  const logger = operation?.logger as WithOperation | undefined
  if (logger !== undefined && logger[kOperation] === operation) logger[kOperation] = undefined
}
