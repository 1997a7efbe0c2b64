/** The end of a connection → the end of its requests, for responses that Node.js doesn't close: detached, without listeners, or still waiting their turn. */
import type { Socket } from 'node:net'
import { endOperation } from './closing'
import { RequestOperation, type Response } from './operation'
import { kOperation } from '../tracing/operation'

/** The newest response that a connection is waiting for. A finished one would keep its request and its body for as long as the connection is idle. */
const kResponse = Symbol('fastify-app-insights.response')
/** With pipelining, the older ones. */
const kEarlier = Symbol('fastify-app-insights.earlier-responses')

type Connected = Pick<Socket, 'on'> & { [kResponse]?: Response | undefined, [kEarlier]?: Set<Response> }

export function addResponse (socket: Connected, response: Response): void {
  const earlier = socket[kResponse]
  if (earlier !== undefined) (socket[kEarlier] ??= new Set()).add(earlier)
  else if (!(kResponse in socket)) socket.on('close', endWithConnection)
  socket[kResponse] = response
}

export function removeResponse (socket: Connected, response: Response): void {
  if (socket[kResponse] === response) socket[kResponse] = undefined
  else socket[kEarlier]?.delete(response)
}

export function newestResponse (socket: Connected): Response | undefined {
  return socket[kResponse]
}

function endWithConnection (this: Connected): void {
  const newest = this[kResponse]
  if (newest === undefined) return
  const responses = [...this[kEarlier] ?? [], newest]
  // Node.js closes the response that is being sent in the same event.
  setImmediate(() => { for (const response of responses) endResponse(response) })
}

function endResponse (response: Response): void {
  const operation = response[kOperation]
  if (operation instanceof RequestOperation) endOperation(operation)
}
