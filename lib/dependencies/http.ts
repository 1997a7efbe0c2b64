/** Node's diagnostics channels for `node:http` and `node:https` → calls. */
import type { ClientRequest } from 'node:http'
import type { Call, Calls } from './calls'
import { callTarget } from './spans'

const kCall = Symbol('fastify-app-insights.call')

interface HttpRequest extends ClientRequest {
  [kCall]?: Call | null
  /** The rendered headers, as they are sent. */
  _header: string
  res?: { statusCode?: number, errored?: unknown, complete?: boolean }
}

/** @param announced the channel that a request is announced on while its headers can still be set */
export function httpHandlers (announced: string): Record<string, (calls: Calls, message: unknown) => void> {
  return {
    [announced]: onRequest,
    // For headers that were rendered before the channel above could announce the request: a row, but no propagation.
    'http.client.request.start': onRequest,
    'http.client.request.error': onError
  }
}

function onRequest (calls: Calls, message: unknown): void {
  const { request } = message as { request: HttpRequest }
  if (request[kCall] !== undefined || request.method === 'CONNECT') return
  const existing = request.getHeader('traceparent')
  const target = callTarget(request.method, request.protocol, authorityOf(request), request.path)
  const call = calls.begin(target, typeof existing === 'string' ? existing : undefined, (name, value) => {
    // Headers passed as an array, or with `expect`, are already rendered.
    if (!request.headersSent) request.setHeader(name, value)
  })
  request[kCall] = call
  if (call == null) return
  call.request = request
  // Not the response's end event: unread responses, upgrades and errors don't emit it.
  request.on('close', onClose)
}

function onError (calls: Calls, message: unknown): void {
  const { request, error } = message as { request: HttpRequest, error: unknown }
  const call = request[kCall]
  if (call?.calls === calls) call.error = error
}

function onClose (this: ClientRequest): void {
  const { [kCall]: call, res } = this as HttpRequest
  if (call == null) return
  call.status = res?.statusCode
  if (res?.errored != null) call.error ??= res.errored
  call.calls.finish(call)
}

/** The called host and port. The port comes from the Host header, unless that names another host. */
function authorityOf (request: ClientRequest): string {
  const host = request.host.includes(':') && !request.host.startsWith('[') ? `[${request.host}]` : request.host
  const header = request.headersSent ? /^host: ?(.*)\r$/im.exec((request as HttpRequest)._header)?.[1] : request.getHeader('host')
  return typeof header === 'string' && header.toLowerCase().replace(/:\d+$/, '') === host.toLowerCase() ? header : host
}
