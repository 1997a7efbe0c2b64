/** What the hooks of one instance of the plugin share. They find it on the Fastify instance that they are bound to. */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { Exceptions } from '../exceptions'
import type { Config } from '../options'
import type { Telemetry } from '../tracing/telemetry'

export const kRequestTracing = Symbol('fastify-app-insights.request-tracing')

export interface RequestTracing {
  readonly fastify: FastifyInstance
  readonly config: Config
  readonly telemetry: Telemetry
  readonly exceptions: Exceptions | undefined
  /** Says each thing once. */
  readonly warn: (message: string) => void
  /** Is called with each request's logger. */
  readonly onLogger: ((logger: FastifyBaseLogger) => void) | undefined
  /** Whether the logger's own bindings name the request. */
  readonly isBoundTo: (logger: object, requestId: string) => boolean
  readonly isIgnored: (request: FastifyRequest, method: string, route: string) => boolean
  /** An ignored request that fails is kept all the same. */
  readonly keepsFailuresOfIgnored: boolean
}

export function tracingOf (fastify: FastifyInstance): RequestTracing {
  return (fastify as unknown as { [kRequestTracing]: RequestTracing })[kRequestTracing]
}
