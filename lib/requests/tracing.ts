/** Fastify instance → the state that the hooks of one plugin instance share. */
import type { Context } from '@opentelemetry/api'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { Exceptions } from '../exceptions'
import type { Config } from '../options'
import type { Instance } from '../instance'
import type { OperationNames } from './names'

export const kRequestTracing = Symbol('fastify-app-insights.request-tracing')

export interface RequestTracing {
  readonly fastify: FastifyInstance
  readonly config: Config
  readonly telemetry: Instance
  readonly exceptions: Exceptions | undefined
  /** Repeats no message. */
  readonly warn: (message: string) => void
  /** Called with each request's logger. */
  readonly onLogger: ((logger: FastifyBaseLogger) => void) | undefined
  /** Called with the same logger when its operation is known. */
  readonly onOpen: ((logger: FastifyBaseLogger, context: Context) => void) | undefined
  /** Whether the logger's own bindings name the request. */
  readonly isBoundTo: (logger: object, requestId: unknown) => boolean
  readonly isIgnored: (request: FastifyRequest, method: string, route: string) => boolean
  /** Failed requests are kept even if they are ignored. */
  readonly keepsFailuresOfIgnored: boolean
  readonly names: OperationNames
}

export function tracingOf (fastify: FastifyInstance): RequestTracing {
  return (fastify as unknown as { [kRequestTracing]: RequestTracing })[kRequestTracing]
}
