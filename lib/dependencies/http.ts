/** Calls of `node:http` and `node:https`, as Node's diagnostics channels tell of them. */
import type { ClientRequest } from 'node:http'
import { messageOf } from '../warnings'
import type { Call, Calls } from './calls'

const kCall = Symbol('fastify-app-insights.call')

interface HttpRequest extends ClientRequest {
  [kCall]?: Call | null
  /** The head as it is sent, once it is rendered. */
  _header: string
  res?: { statusCode?: number, errored?: unknown, complete?: boolean }
}

/** @param announced the channel that a request is announced on while its headers can still be set */
export function httpHandlers (announced: string): Record<string, (calls: Calls, message: unknown) => void> {
  return {
    [announced]: onRequest,
    // Where the headers were rendered before the channel above could see it: a row, but no propagation.
    'http.client.request.start': onRequest,
    'http.client.request.error': onError
  }
}

function onRequest (calls: Calls, message: unknown): void {
  const { request } = message as { request: HttpRequest }
  if (request[kCall] !== undefined || request.method === 'CONNECT') return
  try {
    const authority = authorityOf(request)
    const url = /^https?:\/\//i.test(request.path) ? request.path : `${request.protocol}//${authority}${request.path}`
    const existing = request.getHeader('traceparent')
    const target = { method: request.method, authority, secure: request.protocol === 'https:', url }
    const call = calls.begin(target, typeof existing === 'string' ? existing : undefined, (name, value) => {
      // Headers given as an array, or with `expect`, are rendered by now.
      if (!request.headersSent) request.setHeader(name, value)
    })
    request[kCall] = call
    if (call == null) return
    // Not the response's end: an answer without a listener, an upgrade and an error have none.
    request.on('close', onClose)
  } catch (error) {
    calls.warn(`A call through node:http could not be traced: ${messageOf(error)}`)
  }
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

/** Host and port that are called. The Host header tells the port, unless it names another host. */
function authorityOf (request: ClientRequest): string {
  const host = request.host.includes(':') && !request.host.startsWith('[') ? `[${request.host}]` : request.host
  const header = request.headersSent ? /^host: ?(.*)\r$/im.exec((request as HttpRequest)._header)?.[1] : request.getHeader('host')
  return typeof header === 'string' && header.toLowerCase().replace(/:\d+$/, '') === host.toLowerCase() ? header : host
}
