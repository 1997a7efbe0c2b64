/** Fastify's hooks: each goes on in its request's context, and notes what the request's end needs. */
import { context } from '@opentelemetry/api'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { openOperation } from './opening'
import { RequestOperation, operationOfRequest } from './operation'
import { tracingOf } from './tracing'
import { operationOf } from '../tracing/operation'

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
  const operation = openOperation(tracingOf(this), request, reply)
  context.with(operation.context, done)
}

function enterValidation (request: FastifyRequest, _reply: FastifyReply, done: Done): void {
  enter(request, done)
}

function enterSend (request: FastifyRequest, _reply: FastifyReply, _payload: unknown, done: Done): void {
  enter(request, done)
}

function enterResponse (request: FastifyRequest, reply: FastifyReply, done: Done): void {
  const operation = operationOfRequest(request)
  // An error of the response ends here too, but without its end.
  if (operation instanceof RequestOperation) operation.finished = reply.raw.writableEnded
  enter(request, done)
}

function enterAbort (request: FastifyRequest, done: Done): void {
  enter(request, done)
}

function expectException (this: FastifyInstance, request: FastifyRequest, _reply: FastifyReply, error: Error, done: Done): void {
  const operation = operationOfRequest(request)
  if (operation !== undefined) tracingOf(this).exceptions?.markThrown(operation, error)
  enter(request, done)
}

/** Goes on in the request's context; what the app has put into it since stays. */
function enter (request: FastifyRequest, done: Done): void {
  const operation = operationOfRequest(request)
  if (operation === undefined || operationOf(context.active()) === operation) done()
  else context.with(operation.context, done)
}
