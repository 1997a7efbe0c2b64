/** Outgoing HTTP call → CLIENT span, and the trace context in its headers: whoever makes the call, however it was imported. */
import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { ClientRequest } from 'node:http'
import { type Context, type Span, type SpanContext, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api'
import { isTracingSuppressed, parseTraceParent } from '@opentelemetry/core'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { MAX_URL, OTHER, knownMethod, parseAuthority } from '../requests/http'
import { PROCESSED, PROCESSED_DEPENDENCY } from '../metrics'
import { context } from '../tracing/context'
import type { Instance } from '../tracing/instance'
import { operationOf } from '../tracing/operation'
import type { Config, OutgoingCall } from '../options'
import { instanceOf } from '../tracing/members'
import { injectContext } from '../tracing/propagation'
import { type Warn, messageOf } from '../warnings'

const kCall = Symbol('fastify-app-insights.call')

/** A call that is on its way. */
class Call {
  readonly telemetry: Instance
  readonly span: Span
  readonly target: string
  readonly startedAt = performance.now()
  /** When the answer's head was here. */
  answeredAt: number | undefined = undefined
  status: number | undefined = undefined
  error: unknown = undefined

  constructor (telemetry: Instance, span: Span, target: string) {
    this.telemetry = telemetry
    this.span = span
    this.target = target
  }
}

/** Sets a header of the outgoing call, in the place of one of that name. */
type SetHeader = (name: string, value: string) => void

// What a handler needs to know of undici's request, which is not public.
interface UndiciRequest {
  readonly method: string
  readonly origin?: string | URL
  readonly path: string
  headers?: unknown
  addHeader: SetHeader
}

interface HttpRequest extends ClientRequest {
  [kCall]?: Call | null
  /** The head as it is sent, once it is rendered. */
  _header: string
  res?: { statusCode?: number, errored?: unknown, complete?: boolean }
}

/** @returns the call that stops it; calls whose answer nobody has read by then end with the answer's head */
export function traceCalls (options: Exclude<Config['dependencies'], false>, telemetry: Instance, warn: Warn): () => void {
  const isIgnored = createIgnore(options.ignore, warn)
  const { endpoint } = telemetry.config.connection
  const open = new Set<Call>()
  const undiciCalls = new WeakMap<object, Call>()

  /**
   * @param existing the `traceparent` that the call has already
   * @returns null where it makes no row, undefined where another instance is to decide that
   */
  function begin (method: string, authority: string, secure: boolean, url: string, existing: string | undefined, set: SetHeader): Call | null | undefined {
    const active = context.active()
    if (instanceOf(active) !== telemetry) return undefined
    if (isTracingSuppressed(active) || url.startsWith(endpoint)) return null
    const theirs = existing === undefined ? null : parseTraceParent(existing)
    if (theirs !== null && isAnothers(theirs, active)) return null
    // A trace of another id is what the app wants there.
    const mayInject = theirs === null || theirs.traceId === trace.getSpanContext(active)?.traceId
    if (isIgnored(method, url)) {
      // Its callee belongs to the operation all the same.
      if (mayInject) inject(active, set)
      return null
    }

    const known = knownMethod(method)
    const { address, port } = parseAuthority(authority)
    const span = telemetry.startSpan(known === OTHER ? 'HTTP' : known, SpanKind.CLIENT, active, {
      'http.request.method': known,
      'url.full': telemetry.redactor.url(url).slice(0, MAX_URL),
      'server.address': address,
      'server.port': port ?? (secure ? 443 : 80),
      // The exporter takes the target from here first, and leaves the port out otherwise.
      ...(port === undefined ? {} : { 'peer.service': authority })
    })
    if (mayInject) inject(trace.setSpan(active, span), set)
    const call = new Call(telemetry, span, authority)
    open.add(call)
    return call
  }

  function finish (call: Call, endedAt?: number): void {
    if (!open.delete(call)) return
    const { span, status, error } = call
    const failed = error !== undefined || status === undefined || status >= 400
    if (span.isRecording()) {
      if (status !== undefined) span.setAttribute('http.response.status_code', status)
      if (failed) {
        const reason = error === undefined ? status === undefined ? 'no answer' : String(status) : reasonOf(error)
        span.setAttribute('error.type', reason)
        // The exporter keeps neither error.type nor the status's message.
        if (error !== undefined || status === undefined) span.setAttribute('error', reason)
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
    }
    const { metrics } = call.telemetry
    if (metrics !== undefined) {
      span.setAttribute(PROCESSED, PROCESSED_DEPENDENCY)
      metrics.call({ target: call.target, status, success: !failed, duration: (endedAt ?? performance.now()) - call.startedAt })
    }
    span.end(endedAt)
  }

  function onUndiciCreate (message: unknown): void {
    try {
      const { request } = message as { request: UndiciRequest }
      // A tunnel through a proxy: the call in it is the dependency.
      if (request.method === 'CONNECT' || request.origin === undefined) return
      const origin = new URL(request.origin)
      const call = begin(request.method, origin.host, origin.protocol === 'https:', origin.origin + request.path,
        undiciHeader(request, 'traceparent'), (name, value) => setUndiciHeader(request, name, value))
      if (call != null) undiciCalls.set(request, call)
    } catch (error) {
      warn(`A call through undici could not be traced: ${messageOf(error)}`)
    }
  }

  function onUndiciHeaders (message: unknown): void {
    const { request, response } = message as { request: UndiciRequest, response: { statusCode: number } }
    const call = undiciCalls.get(request)
    if (call === undefined) return
    call.status = response.statusCode
    call.answeredAt = performance.now()
  }

  function onUndiciTrailers (message: unknown): void {
    const call = undiciCalls.get((message as { request: UndiciRequest }).request)
    if (call !== undefined) finish(call)
  }

  function onUndiciError (message: unknown): void {
    const { request, error } = message as { request: UndiciRequest, error: unknown }
    const call = undiciCalls.get(request)
    if (call === undefined) return
    // The caller had its answer and did not want the rest, or never looked at it: undici ends those with AbortError
    // and, once the answer is garbage, with a string.
    const unwanted = call.answeredAt !== undefined && (typeof error === 'string' || (error as Error | null)?.name === 'AbortError')
    if (!unwanted) call.error = error ?? 'error'
    finish(call, unwanted ? call.answeredAt : undefined)
  }

  function onHttpRequest (message: unknown): void {
    const { request } = message as { request: HttpRequest }
    if (request[kCall] !== undefined || request.method === 'CONNECT') return
    try {
      const authority = authorityOf(request)
      const url = /^https?:\/\//i.test(request.path) ? request.path : `${request.protocol}//${authority}${request.path}`
      const existing = request.getHeader('traceparent')
      const call = begin(request.method, authority, request.protocol === 'https:', url,
        typeof existing === 'string' ? existing : undefined, (name, value) => {
          // Headers given as an array, or with `expect`, are rendered by now.
          if (!request.headersSent) request.setHeader(name, value)
        })
      request[kCall] = call
      if (call == null) return
      // Not the response's end: an answer without a listener, an upgrade and an error have none.
      request.on('close', onHttpClose)
    } catch (error) {
      warn(`A call through node:http could not be traced: ${messageOf(error)}`)
    }
  }

  function onHttpError (message: unknown): void {
    const { request, error } = message as { request: HttpRequest, error: unknown }
    const call = request[kCall]
    if (call != null && call.telemetry === telemetry) call.error = error
  }

  function onHttpClose (this: ClientRequest): void {
    const { [kCall]: call, res } = this as HttpRequest
    if (call == null) return
    call.status = res?.statusCode
    if (res?.errored != null) call.error ??= res.errored
    finish(call)
  }

  const subscriptions: Array<[name: string, handler: (message: unknown) => void]> = []
  if (options.undici) {
    subscriptions.push(
      ['undici:request:create', onUndiciCreate],
      ['undici:request:headers', onUndiciHeaders],
      ['undici:request:trailers', onUndiciTrailers],
      ['undici:request:error', onUndiciError])
  }
  if (options.http) {
    subscriptions.push(
      [httpRequestChannel(), onHttpRequest],
      // Where the headers were rendered before the channel above could see it: a row, but no propagation.
      ['http.client.request.start', onHttpRequest],
      ['http.client.request.error', onHttpError])
  }
  for (const [name, handler] of subscriptions) subscribe(name, handler)

  return function stop () {
    for (const [name, handler] of subscriptions) unsubscribe(name, handler)
    if (options.http) restoreHttp()
    for (const call of open) finish(call, call.answeredAt)
  }
}

/** A call that another instrumentation has traced in this same trace; a header that was only passed on is not that. */
function isAnothers (theirs: SpanContext, active: Context): boolean {
  const ours = trace.getSpanContext(active)
  if (ours === undefined || theirs.traceId !== ours.traceId || (ours.traceFlags & TraceFlags.SAMPLED) === 0) return false
  const operation = operationOf(active)?.span as Partial<ReadableSpan> | undefined
  return theirs.spanId !== operation?.parentSpanContext?.spanId
}

const SETTER = { set: (carrier: SetHeader, name: string, value: string): void => carrier(name, value) }

function inject (active: Context, set: SetHeader): void {
  injectContext(active, set, SETTER)
}

/** Headers are a flat array of names and values, in undici 5 a text. */
function undiciHeader ({ headers }: UndiciRequest, name: string): string | undefined {
  if (typeof headers === 'string') return new RegExp(`^${name}: ?(.*)\r$`, 'im').exec(headers)?.[1]
  const at = indexOfHeader(headers, name)
  return at < 0 ? undefined : String((headers as unknown[])[at + 1])
}

function setUndiciHeader (request: UndiciRequest, name: string, value: string): void {
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

/** Host and port that are called. The Host header tells the port, unless it names another host. */
function authorityOf (request: ClientRequest): string {
  const host = request.host.includes(':') && !request.host.startsWith('[') ? `[${request.host}]` : request.host
  const header = request.headersSent ? /^host: ?(.*)\r$/im.exec((request as HttpRequest)._header)?.[1] : request.getHeader('host')
  return typeof header === 'string' && header.toLowerCase().replace(/:\d+$/, '') === host.toLowerCase() ? header : host
}

// Node 20, and 22 before 22.12, have no channel that a request is announced on while its headers can still be set.
const ANNOUNCED = 'http.client.request.created'
const OWN: Channel = channel('fastify-app-insights.http.client.request')

type Prototype = ClientRequest & { _implicitHeader: () => void }
const prototype = ClientRequest.prototype as Prototype
// One prototype per process. It is called where headers are about to be rendered.
let implicitHeader: (() => void) | undefined

function announce (this: ClientRequest): void {
  if (OWN.hasSubscribers) OWN.publish({ request: this })
  implicitHeader!.call(this)
}

function httpRequestChannel (): string {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
  if (major > 23 || (major === 23 && minor >= 2) || (major === 22 && minor >= 12)) return ANNOUNCED
  if (implicitHeader === undefined) {
    // These lines of Node get no more changes, so that an internal method stays what it is.
    implicitHeader = prototype._implicitHeader
    prototype._implicitHeader = announce
  }
  return OWN.name as string
}

function restoreHttp (): void {
  // Somebody else may have patched ours by now: then ours only passes on.
  if (OWN.hasSubscribers || prototype._implicitHeader !== announce) return
  prototype._implicitHeader = implicitHeader!
  implicitHeader = undefined
}

function createIgnore (ignore: Exclude<Config['dependencies'], false>['ignore'], warn: Warn): (method: string, url: string) => boolean {
  if (ignore === undefined) return () => false
  if (typeof ignore === 'function') {
    const test = ignore as (call: OutgoingCall) => boolean
    return (method, url) => {
      try {
        return test({ method, url })
      } catch (error) {
        warn(`dependencies.ignore failed, the call is kept: ${messageOf(error)}`)
        return false
      }
    }
  }
  if (ignore.length === 0) return () => false
  const patterns = ignore.map(pattern => pattern.toLowerCase())
  return (_method, url) => {
    const plain = url.replace(/[?#].*$/, '').toLowerCase()
    const authority = /^[a-z]+:\/\/([^/]*)/.exec(plain)?.[1] ?? ''
    const host = authority.replace(/:\d+$/, '')
    return patterns.some(pattern => matches(pattern, plain) || matches(pattern, authority) || matches(pattern, host))
  }
}

function matches (pattern: string, text: string): boolean {
  if (pattern.startsWith('*')) return text.endsWith(pattern.slice(1))
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}

function reasonOf (error: unknown): string {
  const { code, name, cause } = error as { code?: unknown, name?: unknown, cause?: { code?: unknown } }
  if (typeof code === 'string' && code !== '') return code
  if (typeof cause?.code === 'string') return cause.code
  return typeof name === 'string' && name !== '' ? name : 'error'
}
