/** The end of a request → its row and its metrics, exactly once: response, abort and shutdown race. */
import type { FastifyRequest } from 'fastify'
import { isSynthetic, requestAttributes } from './attributes'
import { knownMethod } from '../rows/methods'
import { RequestOperation, type Response } from './operation'
import { type Outcome, CLIENT_CLOSED_REQUEST, isSuccess, statusOf } from './outcome'
import type { RawRequest } from './refused'
import { endSpan, markCounted, setStatus, writableAttributes } from './span'
import { statusWritten } from './status-line'
import { toAttributes } from '../rows/properties'
import { RowDecision, kOperation } from '../tracing/operation'
import { isForAzure } from '../tracing/span-processor'
import type { Instance } from '../instance'
import { messageOf } from '../warnings'

export function closeResponse (this: Response): void {
  const operation = this[kOperation]
  if (operation instanceof RequestOperation) closeOperation(operation)
}

export function countResponse (this: Response): void {
  const operation = this[kOperation]
  if (operation instanceof RequestOperation) countOperation(operation)
}

/** For an end that the response itself may never tell. */
export function endOperation (operation: RequestOperation): void {
  if (operation.decision === RowDecision.Drop) countOperation(operation)
  else closeOperation(operation)
}

/** A request that is sampled out gets no row, but metrics count it. */
function countOperation (operation: RequestOperation): void {
  const { tracing, request, outcome, elapsed } = operation
  if (request === undefined) return
  countRequest(operation, request, outcome, isSuccess(tracing, outcome, request), elapsed)
  operation.release()
}

export function closeOperation (operation: RequestOperation): void {
  const { tracing, request, span } = operation
  // Only the first caller finds the operation in the list, so it closes only once.
  if (!tracing.telemetry.open.delete(operation) || request === undefined) return
  try {
    complete(operation, request)
  } catch (error) {
    // In an event of the response, an error would end the process. The row has what was written so far.
    tracing.warn(`The row of a request is incomplete: ${messageOf(error)}`)
    operation.decide(isForAzure(span) && !operation.ignored)
  }
  operation.holdsSpan = false
  endSpan(span)
  operation.release()
}

function complete (operation: RequestOperation, request: FastifyRequest): void {
  const { tracing, span, elapsed, outcome } = operation
  const { config, exceptions, telemetry } = tracing
  operation.wasAbandoned = outcome.status === CLIENT_CLOSED_REQUEST
  exceptions?.reportPending(operation, statusOfReply(operation))
  const success = isSuccess(tracing, outcome, request)

  enrich(operation, request)
  telemetry.enrich(span, operation)
  const attributes = writableAttributes(span)
  if (attributes !== undefined) requestAttributes(operation, request, outcome.status, attributes)
  setStatus(span, outcome.status, success)
  const slow = config.keepSlowerThan !== undefined && elapsed > config.keepSlowerThan
  if (slow || (!success && (config.keepErrors || operation.ignored))) operation.keepAnyway()
  if (!operation.ignored || operation.forceKeep) {
    countRequest(operation, request, outcome, success, elapsed)
    if (telemetry.metrics !== undefined) markCounted(span)
  }
  telemetry.live?.skip(span)
  operation.decide(operation.forceKeep || (isForAzure(span) && !operation.ignored))
}

/** The status that the app answered with, even if the client was already gone. */
function statusOfReply ({ reply, connection }: RequestOperation): number {
  if (reply === undefined) return 500
  return reply.raw.headersSent ? statusOf(reply.raw) : statusWritten(connection.socket) ?? reply.raw.statusCode
}

function countRequest ({ tracing, connection, chartName }: RequestOperation, request: FastifyRequest, { status }: Outcome, success: boolean, duration: number): void {
  count(tracing.telemetry, request.raw, connection.scheme, chartName, status, success, duration)
}

export function count ({ live, metrics }: Instance, raw: RawRequest, scheme: string, route: string, status: number | undefined, success: boolean, duration: number): void {
  live?.request(duration, success)
  metrics?.request({ method: knownMethod(raw.method), route, scheme, status, success, synthetic: isSynthetic(raw), duration })
}

function enrich (operation: RequestOperation, request: FastifyRequest): void {
  const { tracing: { config }, reply } = operation
  if (reply === undefined) return
  const properties = config.requests.enrich?.(request, reply)
  if (properties !== undefined) operation.attributes = { ...operation.attributes, ...toAttributes(properties) }
}
