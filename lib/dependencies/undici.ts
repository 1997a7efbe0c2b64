/** undici's diagnostics channels for `fetch` and undici → calls. */
import { readText } from '../rows/hostile'
import type { Call, Calls } from './calls'
import { type SetHeader, callTarget } from './spans'

// The fields of undici's request that the handlers need. The class isn't public.
interface UndiciRequest {
  readonly method: string
  readonly origin?: string | URL
  readonly path: string
  headers?: unknown
  /** The protocol that the call asks for, such as `websocket`. */
  readonly upgrade?: string | null
  addHeader: SetHeader
  onUpgrade?: Upgraded
  onRequestUpgrade?: Upgraded
}

/** @param status null if an HTTP/2 stream takes the place of the connection: it gets its status later */
type Upgraded = (this: unknown, status: number | null, ...rest: unknown[]) => unknown

// Every instance sees each request; the one that traces it stores its call here.
const callOf = new WeakMap<object, Call>()

export const UNDICI_HANDLERS: Readonly<Record<string, (calls: Calls, message: unknown) => void>> = {
  'undici:request:create': onCreate,
  'undici:request:headers': onHeaders,
  'undici:request:trailers': onTrailers,
  'undici:request:error': onError
}

function onCreate (calls: Calls, message: unknown): void {
  const { request } = message as { request: UndiciRequest }
  // A tunnel through a proxy. The call inside it is the dependency.
  if (request.method === 'CONNECT' || request.origin === undefined) return
  const { protocol, host } = new URL(request.origin)
  const target = callTarget(request.method, protocol, host, request.path)
  const call = calls.begin(target, headerOf(request, 'traceparent'), (name, value) => setHeader(request, name, value))
  if (call == null) return
  callOf.set(request, call)
  if (typeof request.upgrade === 'string') awaitUpgrade(calls, call, request)
}

/**
 * An accepted upgrade ends the call, because its session may last for days. undici didn't announce it until September 2026,
 * and Node's own WebSocket has an older undici: the call would stay open until the app closes.
 * @see https://github.com/nodejs/undici/pull/5761
 */
function awaitUpgrade (calls: Calls, call: Call, request: UndiciRequest): void {
  // The second is the name in undici 8.
  for (const name of ['onUpgrade', 'onRequestUpgrade'] as const) {
    const original = request[name]
    if (typeof original !== 'function') continue
    request[name] = function (status, ...rest) {
      if (status !== null) {
        call.status = status
        calls.finish(call)
      }
      return original.call(this, status, ...rest)
    }
  }
}

function callIn (calls: Calls, message: unknown): Call | undefined {
  const call = callOf.get((message as { request: UndiciRequest }).request)
  return call?.calls === calls ? call : undefined
}

function onHeaders (calls: Calls, message: unknown): void {
  const call = callIn(calls, message)
  if (call === undefined) return
  call.status = (message as { response: { statusCode: number } }).response.statusCode
  call.answeredAt = performance.now()
}

function onTrailers (calls: Calls, message: unknown): void {
  const call = callIn(calls, message)
  if (call !== undefined) calls.finish(call)
}

function onError (calls: Calls, message: unknown): void {
  const call = callIn(calls, message)
  if (call === undefined) return
  const { error } = message as { error: unknown }
  // The caller got the response but cancelled its body, or never read it. undici ends the first with AbortError, and the
  // second with a string once the response is garbage collected.
  const unwanted = call.answeredAt !== undefined && (typeof error === 'string' || readText(error, 'name') === 'AbortError')
  if (!unwanted) call.error = error ?? 'error'
  calls.finish(call, unwanted ? call.answeredAt : undefined)
}

/** Headers are a flat array of names and values; in undici 5, a string. */
function headerOf ({ headers }: UndiciRequest, name: string): string | undefined {
  if (typeof headers === 'string') return new RegExp(`^${name}: ?(.*)\r$`, 'im').exec(headers)?.[1]
  const at = indexOfHeader(headers, name)
  return at < 0 ? undefined : String((headers as unknown[])[at + 1])
}

function setHeader (request: UndiciRequest, name: string, value: string): void {
  const { headers } = request
  const at = indexOfHeader(headers, name)
  if (at >= 0) {
    (headers as unknown[])[at + 1] = value
    return
  }
  if (typeof headers === 'string') request.headers = headers.replace(new RegExp(`^${name}:.*\r\n`, 'gim'), '')
  request.addHeader(name, value)
}

function indexOfHeader (headers: unknown, name: string): number {
  if (!Array.isArray(headers)) return -1
  for (let i = 0; i < headers.length; i += 2) {
    const header = headers[i] as unknown
    if (typeof header === 'string' && header.length === name.length && header.toLowerCase() === name) return i
  }
  return -1
}
