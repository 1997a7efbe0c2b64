/** The end of a request → its row and its number, once: response, abort and shutdown race. */
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isSynthetic, knownMethod, requestAttributes } from './attributes'
import { RequestOperation, type Response } from './operation'
import { isSuccess, outcomeOf } from './outcome'
import { isSampled, markCertain, markCounted, setStatus, writableAttributes } from './span'
import type { RequestTracing } from './tracing'
import { toAttributes } from '../rows/properties'
import { kOperation } from '../tracing/operation'
import type { Telemetry } from '../tracing/telemetry'

export function closeResponse (this: Response): void {
  const operation = this[kOperation]
  if (operation instanceof RequestOperation) closeOperation(operation)
}

/** Sampled out: there is no row, but metrics count it. */
export function countResponse (this: Response): void {
  const operation = this[kOperation]
  if (!(operation instanceof RequestOperation)) return
  const { tracing, request, reply, route } = operation
  const outcome = outcomeOf(reply.raw, request.raw, operation.finished)
  const success = isSuccess(tracing, outcome, request)
  count(tracing.telemetry, request.raw, request.protocol, route, outcome.status, success, reply.elapsedTime)
}

export function closeOperation (operation: RequestOperation): void {
  const { tracing, request, reply, span } = operation
  const { config, exceptions, telemetry } = tracing
  // Whoever takes it out of the set closes it.
  if (!telemetry.open.delete(operation)) return
  const outcome = outcomeOf(reply.raw, request.raw, operation.finished)
  const { status } = outcome
  exceptions?.reportPending(operation, reply.raw.statusCode)
  const success = isSuccess(tracing, outcome, request)

  enrich(tracing, operation, request, reply)
  telemetry.enrich(span, operation)
  if (!operation.foreign) {
    const attributes = writableAttributes(span)
    if (attributes !== undefined) requestAttributes(operation, status, attributes)
    setStatus(span, status, success)
  }
  const slow = config.keepSlowerThan !== undefined && reply.elapsedTime > config.keepSlowerThan
  operation.certain = (config.keepErrors && !success) || slow || (operation.ignored && !success)
  if (operation.certain) markCertain(span)
  if (!operation.foreign && (!operation.ignored || operation.certain)) {
    count(telemetry, request.raw, request.protocol, operation.route, status, success, reply.elapsedTime)
    if (telemetry.metrics !== undefined) markCounted(span)
  }
  operation.decide(operation.certain || (isSampled(span) && !operation.ignored))
  if (!operation.foreign) span.end()
}

export function count ({ metrics }: Telemetry, raw: IncomingMessage, scheme: string, route: string, status: number | undefined, success: boolean, duration: number): void {
  metrics?.request({ method: knownMethod(raw.method), route, scheme, status, success, synthetic: isSynthetic(raw), duration })
}

function enrich ({ config }: RequestTracing, operation: RequestOperation, request: FastifyRequest, reply: FastifyReply): void {
  const properties = config.requests.enrich?.(request, reply)
  if (properties !== undefined) operation.attributes = { ...operation.attributes, ...toAttributes(properties) }
}
