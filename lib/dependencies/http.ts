/** Node's diagnostics channels for `node:http` and `node:https` → calls. */
import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
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
  const host = bracketed(request.host)
  const named = hostHeaderOf(request)
  const namesHost = named?.toLowerCase().replace(/:\d+$/, '') === host.toLowerCase()
  const target = callTarget(request.method, request.protocol, namesHost ? named! : host, request.path)
  const call = calls.begin(target, typeof existing === 'string' ? existing : undefined, (name, value) => {
    // Headers passed as an array, or with `expect`, are already rendered.
    if (!request.headersSent) request.setHeader(name, value)
  })
  request[kCall] = call
  if (call == null) return
  call.request = request
  // Behind a gateway or a sidecar, the header names the service, and only the connection knows the port.
  if (!namesHost && target.authority === host) awaitPort(call, request)
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

function awaitPort (call: Call, request: HttpRequest): void {
  const { socket } = request as { socket: Socket | null | undefined }
  if (socket == null) request.once('socket', () => { awaitPort(call, request) })
  else if (socket.connecting) socket.once('connect', () => { awaitPort(call, request) })
  else call.calls.setPort(call, socket.remotePort)
}

function bracketed (host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

function hostHeaderOf (request: HttpRequest): string | undefined {
  const header = request.headersSent ? /^host: ?(.*)\r$/im.exec(request._header)?.[1] : request.getHeader('host')
  return typeof header === 'string' ? header : undefined
}
