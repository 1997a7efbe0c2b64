/** The error of a response that failed before it was sent → Fastify's log, which would not have it because of our onResponse hook. */
import { errorMonitor } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { internal } from '../logs/pino/internals'
import { readProperty } from '../rows/hostile'

const kError = Symbol('fastify-app-insights.response-error')
type Failed = ServerResponse & { [kError]?: Error }

/** A monitor leaves the error to the app's listeners, and to Node.js if there are none. */
export function watchError (response: ServerResponse): void {
  response.on(errorMonitor, rememberError)
}

function rememberError (this: Failed, error: Error): void {
  this[kError] ??= error
}

export function errorOf (response: ServerResponse): Error | undefined {
  return (response as Failed)[kError]
}

/** Whether the request's route has no other onResponse hook. With another one, Fastify would hide the error without us too. */
export function hasNoOtherHook (request: FastifyRequest): boolean {
  // Only Fastify knows the hooks of a route, including those of the plugins around it.
  const hooks = readProperty(internal(request, 'fastify.context'), 'onResponse')
  return Array.isArray(hooks) && hooks.length === 1
}
