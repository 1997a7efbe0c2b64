/** The operation of a request: what is known when it opens and needed when it closes. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context, Span } from '@opentelemetry/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { knownMethod } from '../rows/methods'
import type { Connection } from './connection'
import { type Outcome, CLIENT_CLOSED_REQUEST, outcomeOf } from './outcome'
import type { RequestTracing } from './tracing'
import { type RowDecision, Operation, kOperation } from '../tracing/operation'

export interface WithOperation { [kOperation]?: Operation | null }
export type Response = ServerResponse & WithOperation

const kArrival = Symbol('fastify-app-insights.arrival')
type Arrived = IncomingMessage & { [kArrival]?: number }

/** Notes when a request came: Fastify tells it with its reply only. */
export function markArrival (raw: IncomingMessage): void {
  (raw as Arrived)[kArrival] = performance.now()
}

/** Milliseconds since the request came; 0 where nobody has seen it come. */
export function sinceArrival (raw: IncomingMessage): number {
  const arrival = (raw as Arrived)[kArrival]
  return arrival === undefined ? 0 : performance.now() - arrival
}

/** How a request's span came to be, and what is to become of it. */
export interface SpanOrigin {
  readonly span: Span
  readonly parent: Context
  readonly decision: RowDecision
}

export class RequestOperation extends Operation {
  readonly tracing: RequestTracing
  readonly request: FastifyRequest
  /** undefined where the client left before any hook of ours had run. */
  readonly reply: FastifyReply | undefined
  readonly route: string
  readonly connection: Connection
  /** The response's finish was seen. */
  finished = false

  constructor (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply | undefined, name: string, route: string, { span, parent, decision }: SpanOrigin, connection: Connection, ignored: boolean) {
    super(tracing.telemetry, name, span, parent, decision, ignored)
    this.tracing = tracing
    this.request = request
    this.reply = reply
    this.route = route
    this.connection = connection
  }

  /** Milliseconds since Fastify got the request. */
  get elapsed (): number {
    return this.reply?.elapsedTime ?? sinceArrival(this.request.raw)
  }

  /** What charts are divided by: its route, or what the app has named it. */
  get chartName (): string {
    if (!this.isRenamed) return this.route
    const method = `${knownMethod(this.request.raw.method)} `
    return this.name.startsWith(method) ? this.name.slice(method.length) : this.name
  }

  get outcome (): Outcome {
    if (this.reply === undefined) return { finished: false, status: CLIENT_CLOSED_REQUEST }
    return outcomeOf(this.reply.raw, this.connection.socket, this.finished)
  }
}

export function operationOfRequest (request: FastifyRequest): Operation | undefined {
  return (request as WithOperation)[kOperation] ?? undefined
}
