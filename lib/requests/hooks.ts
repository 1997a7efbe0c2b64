/** Fastify's hooks: each goes on in its request's context, and notes what the request's end needs. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { context } from '../tracing/context'
import { closeOperation } from './closing'
import { followLogger } from './logger'
import { openOperation } from './opening'
import { RequestOperation, type Response, operationOfRequest } from './operation'
import { tracingOf } from './tracing'
import { takeEarlyErrors } from '../exceptions/nestjs'
import { type Operation, kOperation, operationOf } from '../tracing/operation'

type Done = () => void

export function addHooks (fastify: FastifyInstance): void {
  fastify.addHook('onRequest', openRequest)
  // A parsed body, a timer or an emitter may have lost the context that onRequest set.
  fastify.addHook('preValidation', enterValidation)
  fastify.addHook('onSend', enterSend)
  fastify.addHook('onResponse', enterResponse)
  fastify.addHook('onRequestAbort', enterAbort)
  fastify.addHook('onError', expectException)
}

function openRequest (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply, done: Done): void {
  enter(opened(this, request, reply), done)
}

function enterValidation (this: FastifyInstance, request: FastifyRequest, _reply: FastifyReply, done: Done): void {
  const operation = operationOfRequest(request)
  if (operation instanceof RequestOperation) followLogger(tracingOf(this), request, operation)
  enter(operation, done)
}

function enterSend (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply, _payload: unknown, done: Done): void {
  enter(opened(this, request, reply), done)
}

function enterResponse (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply, done: Done): void {
  const operation = opened(this, request, reply)
  if (operation instanceof RequestOperation) {
    // An error of the response ends here too, but without its end.
    operation.finished = reply.raw.writableEnded
    if (reply.raw.closed) closeOperation(operation)
  }
  enter(operation, done)
}

function enterAbort (this: FastifyInstance, request: FastifyRequest, done: Done): void {
  const known = operationOfRequest(request)
  const operation = known ?? opened(this, request, undefined)
  enter(operation, done)
  // Whatever the hook before ours does yet, the client will not see it.
  if (known === undefined && operation instanceof RequestOperation) closeOperation(operation)
}

function expectException (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply, error: Error, done: Done): void {
  const operation = opened(this, request, reply)
  if (operation !== undefined) tracingOf(this).exceptions?.markThrown(operation, error)
  enter(operation, done)
}

/** A hook before ours may have answered or thrown: then the first of the later hooks opens it, from its true begin. */
function opened (fastify: FastifyInstance, request: FastifyRequest, reply: FastifyReply | undefined): Operation | undefined {
  const operation = operationOfRequest(request)
  // null: it had its row before any hook of ours was called.
  if (operation !== undefined || (reply?.raw as Response | undefined)?.[kOperation] === null) return operation
  const tracing = tracingOf(fastify)
  const opening = openOperation(tracing, request, reply)
  tracing.onOpen?.(request.log, opening.context)
  if (reply !== undefined) {
    for (const error of takeEarlyErrors(reply.raw)) tracing.exceptions?.markThrown(opening, error)
  }
  return opening
}

/** Goes on in the request's context; what the app has put into it since stays. */
function enter (operation: Operation | undefined, done: Done): void {
  if (operation === undefined || operationOf(context.active()) === operation) done()
  else context.with(operation.context, done)
}
