/** What the hooks of one instance of the plugin share. They find it on the Fastify instance that they are bound to. */
import type { Context } from '@opentelemetry/api'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { Exceptions } from '../exceptions'
import type { Config } from '../options'
import type { Instance } from '../instance'

export const kRequestTracing = Symbol('fastify-app-insights.request-tracing')

export interface RequestTracing {
  readonly fastify: FastifyInstance
  readonly config: Config
  readonly telemetry: Instance
  readonly exceptions: Exceptions | undefined
  /** Says each thing once. */
  readonly warn: (message: string) => void
  /** Is called with each request's logger. */
  readonly onLogger: ((logger: FastifyBaseLogger) => void) | undefined
  /** Is called with the same logger when the operation's rows can be tied to it. */
  readonly onOpen: ((logger: FastifyBaseLogger, context: Context) => void) | undefined
  /** Whether the logger's own bindings name the request. */
  readonly isBoundTo: (logger: object, requestId: string) => boolean
  /** The first request's logger, where its bindings do not name the request. */
  firstLogger: WeakRef<object> | undefined
  readonly isIgnored: (request: FastifyRequest, method: string, route: string) => boolean
  /** An ignored request that fails is kept all the same. */
  readonly keepsFailuresOfIgnored: boolean
}

export function tracingOf (fastify: FastifyInstance): RequestTracing {
  return (fastify as unknown as { [kRequestTracing]: RequestTracing })[kRequestTracing]
}
