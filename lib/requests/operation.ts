/** The operation of a request: what is known when it opens and needed when it closes. */
import type { ServerResponse } from 'node:http'
import type { Context, Span } from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { RequestTracing } from './tracing'
import { Fate, Operation, kOperation } from '../tracing/operation'

export interface WithOperation { [kOperation]?: Operation | null }
export type Response = ServerResponse & WithOperation

/** How a request's span came to be, and what is to become of it. */
export interface SpanOrigin {
  readonly span: Span
  readonly parent: Context
  readonly fate: Fate
  /** The app's own OpenTelemetry has opened it and will close it. */
  readonly foreign: boolean
}

export class RequestOperation extends Operation {
  readonly tracing: RequestTracing
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly route: string
  /** A span that the app's own OpenTelemetry has opened and will close. */
  readonly foreign: boolean
  /** A route of the ignore list: kept only where it fails. */
  readonly ignored: boolean
  /** Asked for at the start: a closed socket has none. */
  readonly clientAddress: string | undefined
  /** The response's finish was seen. */
  finished = false

  constructor (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply, name: string, route: string, { span, parent, fate, foreign }: SpanOrigin, ignored: boolean) {
    super(tracing.telemetry, name, span, parent, fate)
    this.tracing = tracing
    this.request = request
    this.reply = reply
    this.route = route
    this.foreign = foreign
    this.ignored = ignored
    this.clientAddress = fate === Fate.Dropped ? undefined : request.ip
  }
}

export function operationOfRequest (request: FastifyRequest): Operation | undefined {
  return (request as WithOperation)[kOperation] ?? undefined
}
