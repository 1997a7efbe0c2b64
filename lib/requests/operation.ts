/** A request → its operation: holds what is known at the start and needed at the end. */
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

/** Records when a request arrived: in Fastify, only the reply knows. */
export function markArrival (raw: IncomingMessage): void {
  (raw as Arrived)[kArrival] = performance.now()
}

/** Whether the request came in through a server, and not through inject(). */
export function hasArrived (raw: object): boolean {
  return kArrival in raw
}

/** Milliseconds since the request arrived; 0 if its arrival was not recorded. */
export function sinceArrival (raw: IncomingMessage): number {
  const arrival = (raw as Arrived)[kArrival]
  return arrival === undefined ? 0 : performance.now() - arrival
}

/** A request's span, its parent, and whether its row is kept. */
export interface SpanOrigin {
  readonly span: Span
  readonly parent: Context
  readonly decision: RowDecision
}

export class RequestOperation extends Operation {
  readonly tracing: RequestTracing
  /** Undefined once the operation has ended. */
  request: FastifyRequest | undefined
  /** Undefined if the client left before any of our hooks ran, and once the operation has ended. */
  reply: FastifyReply | undefined
  /** Fastify's, or whatever the app's function has returned. */
  readonly requestId: unknown
  readonly route: string
  readonly connection: Connection
  /** Whether onResponse ran after the response had ended. */
  finished = false
  /** Whether the app itself, and not its client, broke off the HTTP/2 stream. */
  brokenOff = false
  /** Whether the operation has ended because the client left. Its work may go on. */
  wasAbandoned = false

  constructor (tracing: RequestTracing, request: FastifyRequest, reply: FastifyReply | undefined, name: string, route: string, { span, parent, decision }: SpanOrigin, connection: Connection, ignored: boolean) {
    super(tracing.telemetry, name, span, parent, decision, ignored)
    this.tracing = tracing
    this.request = request
    this.requestId = request.id
    this.reply = reply
    this.route = route
    this.connection = connection
  }

  /** A kept-alive connection remembers the context of its last request. It must not keep the request's body too. */
  release (): void {
    this.request = undefined
    this.reply = undefined
  }

  /** Milliseconds since Fastify got the request; 0 once it has ended. */
  get elapsed (): number {
    return this.reply?.elapsedTime ?? (this.request === undefined ? 0 : sinceArrival(this.request.raw))
  }

  /** The name that charts split by: the route, or the app's name for the operation. */
  get chartName (): string {
    if (!this.isRenamed || this.request === undefined) return this.route
    const method = `${knownMethod(this.request.raw.method)} `
    return this.name.startsWith(method) ? this.name.slice(method.length) : this.name
  }

  /** A line may follow the end of its request. By then, a logger that requests share belongs to none of them. */
  override ownsLogger (logger: object): boolean {
    return this.request !== undefined || this.tracing.isBoundTo(logger, this.requestId)
  }

  override get isAbandoned (): boolean {
    return this.request === undefined ? this.wasAbandoned : this.outcome.status === CLIENT_CLOSED_REQUEST
  }

  get outcome (): Outcome {
    if (this.reply === undefined) return { finished: false, status: CLIENT_CLOSED_REQUEST }
    // The app has taken the connection from the response, and what it sends there isn't known.
    if (isDetached(this.reply)) return { finished: true, status: undefined }
    return outcomeOf(this.reply.raw, this.connection.socket, this.finished, this.brokenOff)
  }
}

/** A response that waits its turn (pipelining) has no socket either, but then the app hasn't hijacked it. */
function isDetached ({ raw, sent }: FastifyReply): boolean {
  return raw.socket === null && sent && !raw.headersSent && !raw.writableEnded
}

export function operationOfRequest (request: FastifyRequest): Operation | undefined {
  return (request as WithOperation)[kOperation] ?? undefined
}
