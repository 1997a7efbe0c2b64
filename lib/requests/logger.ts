/** The request's logger ↔ its operation: a line finds its request where the async context is lost. */
import type { FastifyRequest } from 'fastify'
import type { RequestOperation, Response, WithOperation } from './operation'
import type { RequestTracing } from './tracing'
import { kOperation } from '../tracing/operation'

/** Its children inherit the operation. */
export function correlateLogger (tracing: RequestTracing, request: FastifyRequest, operation: RequestOperation): void {
  const { fastify, isBoundTo } = tracing
  const logger = request.log as unknown as WithOperation
  operation.logger = logger
  if (request.log === fastify.log || !Object.isExtensible(logger)) return
  if (Object.hasOwn(logger, kOperation)) {
    // A child logger factory hands out one logger for all: then the context has to tell.
    if (logger[kOperation] !== operation) logger[kOperation] = undefined
    return
  }
  logger[kOperation] = operation
  // The app may serialize, redact or replace the id: whether each request has a logger of its own shows with the second.
  if (!isBoundTo(logger, request.id) && !hasOwnLoggers(tracing, logger)) operation.reply?.raw.on('close', releaseLogger)
}

/** The app has put another logger in its place. */
export function followLogger (tracing: RequestTracing, request: FastifyRequest, operation: RequestOperation): void {
  if (operation.logger === request.log) return
  tracing.onLogger?.(request.log)
  correlateLogger(tracing, request, operation)
}

function hasOwnLoggers (tracing: RequestTracing, logger: object): boolean {
  if (tracing.firstLogger === undefined) tracing.firstLogger = new WeakRef(logger)
  return tracing.firstLogger.deref() !== logger
}

/** The request has ended: a logger that might not be its own belongs to nobody now. */
function releaseLogger (this: Response): void {
  const operation = this[kOperation]
  const logger = operation?.logger as WithOperation | undefined
  if (logger !== undefined && logger[kOperation] === operation) logger[kOperation] = undefined
}
