/** Fastify's hooks → each continues in its request's context, and records what closing the request needs. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { context } from '../tracing/context'
import { closeOperation, closeResponse } from './closing'
import { followLogger } from './logger'
import { openOperation } from './opening'
import { RequestOperation, type Response, operationOfRequest } from './operation'
import { errorOf, hasNoOtherHook } from './response-error'
import { tracingOf } from './tracing'
import { takeEarlyErrors } from '../exceptions/nestjs'
import { type Operation, kOperation, operationOf } from '../tracing/operation'
import { messageOf } from '../warnings'

type Done = (error?: Error) => void

export function addHooks (fastify: FastifyInstance): void {
  fastify.addHook('onRequest', openRequest)
  // Body parsers, timers and emitters may have lost the context that onRequest set.
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
    // Fastify calls this hook after a response error too, but then the response has not ended.
    operation.finished = reply.raw.writableEnded
    // The app may have removed all listeners of the response, ours with them.
    if (reply.raw.closed || reply.raw.listenerCount('close', closeResponse) === 0) closeOperation(operation)
  }
  const error = errorOf(reply.raw)
  // With a hook, Fastify no longer sees the response's error. Without ours, it would have logged it.
  if (error !== undefined && hasNoOtherHook(request)) enter(operation, () => done(error))
  else enter(operation, done)
}

function enterAbort (this: FastifyInstance, request: FastifyRequest, done: Done): void {
  const known = operationOfRequest(request)
  const operation = known ?? opened(this, request, undefined)
  enter(operation, done)
  // An earlier hook is still running, but the client won't see what it does.
  if (known === undefined && operation instanceof RequestOperation) closeOperation(operation)
}

function expectException (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply, error: Error, done: Done): void {
  const operation = opened(this, request, reply)
  if (operation !== undefined) tracingOf(this).exceptions?.markThrown(operation, error)
  enter(operation, done)
}

/** If an earlier hook answered or threw before ours ran, the next of our hooks opens the operation, with its true start time. */
function opened (fastify: FastifyInstance, request: FastifyRequest, reply: FastifyReply | undefined): Operation | undefined {
  const operation = operationOfRequest(request)
  // null: the row was written before any of our hooks ran.
  if (operation !== undefined || (reply?.raw as Response | undefined)?.[kOperation] === null) return operation
  const tracing = tracingOf(fastify)
  try {
    const opening = openOperation(tracing, request, reply)
    tracing.onOpen?.(request.log, opening.context)
    if (reply !== undefined) {
      for (const error of takeEarlyErrors(reply.raw)) tracing.exceptions?.markThrown(opening, error)
    }
  } catch (error) {
    // Fastify would answer every request with a 500.
    tracing.warn(`A request could not be traced: ${messageOf(error)}`)
  }
  return operationOfRequest(request)
}

/** Continues in the request's context. An active context of the same operation stays, with the values the app added. */
function enter (operation: Operation | undefined, done: Done): void {
  if (operation === undefined || operationOf(context.active()) === operation) done()
  else context.with(operation.context, done)
}
