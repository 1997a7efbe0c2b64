/** Outgoing calls of one instance → spans and metrics: each call is opened once and finished once. */
import { type Span, SpanStatusCode, trace } from '@opentelemetry/api'
import { context } from '../tracing/context'
import { PROCESSED_DEPENDENCY, attributesOf, markProcessed } from '../rows/marks'
import type { Config } from '../options'
import { instanceOf } from '../globals/members'
import type { Instance } from '../instance'
import { isTracingSuppressed } from '@opentelemetry/core'
import { createOwnTraffic } from './own-traffic'
import { type IsSuccess, type MatchesCall, createMatcher, createSuccess } from './patterns'
import { markHttpCall } from './azure/client-method'
import { reasonOf } from './reason'
import { type CallTarget, type SetHeader, inject, originOf, startCallSpan, targetAttributes } from './spans'

/** A call in progress. */
export class Call {
  readonly calls: Calls
  readonly span: Span
  target: CallTarget
  readonly startedAt = performance.now()
  /** When the response headers arrived. */
  answeredAt: number | undefined = undefined
  status: number | undefined = undefined
  error: unknown = undefined
  /** A request of node:http, which knows its response before the call ends. */
  request: { readonly res?: { readonly statusCode?: number } } | undefined = undefined

  constructor (calls: Calls, span: Span, target: CallTarget) {
    this.calls = calls
    this.span = span
    this.target = target
  }
}

export class Calls {
  readonly #telemetry: Instance
  readonly #isOwnTraffic: (url: string) => boolean
  readonly isIgnored: MatchesCall
  readonly isPropagated: MatchesCall
  readonly #isSuccess: IsSuccess
  readonly #open = new Set<Call>()

  constructor (options: Exclude<Config['dependencies'], false>, telemetry: Instance) {
    this.#telemetry = telemetry
    this.#isOwnTraffic = createOwnTraffic(telemetry.config.connection.endpoint)
    this.isIgnored = createMatcher(options.ignore, false)
    this.isPropagated = createMatcher(options.propagate, true)
    this.#isSuccess = createSuccess(options.success)
  }

  /**
   * @param existing the `traceparent` that the call already has
   * @returns null if the call gets no row, undefined if another instance has to decide
   */
  begin (target: CallTarget, existing: string | undefined, set: SetHeader): Call | null | undefined {
    const active = context.active()
    const telemetry = this.#telemetry
    if (instanceOf(active) !== telemetry) return undefined
    if (isTracingSuppressed(active) || this.#isOwnTraffic(target.url)) return null
    markHttpCall(active)
    const origin = originOf(existing, active)
    if (origin === 'traced') return null
    const mayInject = origin === 'app' && this.isPropagated(target.method, target.url)
    if (this.isIgnored(target.method, target.url)) {
      // The callee still belongs to the operation.
      if (mayInject) inject(active, set)
      return null
    }
    const span = startCallSpan(telemetry, active, target)
    if (mayInject) inject(trace.setSpan(active, span), set)
    const call = new Call(this, span, target)
    this.#open.add(call)
    return call
  }

  /** @param port undefined for a Unix socket */
  setPort (call: Call, port: number | undefined): void {
    const { authority, secure, url } = call.target
    if (port === undefined || port === (secure ? 443 : 80)) return
    const withPort = `${authority}:${port}`
    call.target = { ...call.target, authority: withPort, url: url.replace(`//${authority}`, `//${withPort}`) }
    call.span.setAttributes(targetAttributes(this.#telemetry, call.target))
  }

  finish (call: Call, endedAt?: number): void {
    if (!this.#open.delete(call)) return
    const { span, status, target: { method, authority, url } } = call
    // Without a complete response, `success` isn't called.
    const failed = call.error !== undefined || status === undefined || !this.#isSuccess({ method, url, status })
    if (span.isRecording()) {
      if (status !== undefined) span.setAttribute('http.response.status_code', status)
      if (failed) setFailure(call)
    }
    const { live, metrics } = this.#telemetry
    if (live?.isWatched === true) {
      live.call((endedAt ?? performance.now()) - call.startedAt, !failed)
      live.skip(span)
    }
    if (metrics !== undefined) {
      markProcessed(attributesOf(span), PROCESSED_DEPENDENCY)
      metrics.call({ target: authority, status, success: !failed, duration: (endedAt ?? performance.now()) - call.startedAt })
    }
    span.end(endedAt)
  }

  /** Calls whose response is still unread have its status, and end at the time its headers arrived, if that is known. */
  finishAll (): void {
    for (const call of this.#open) {
      call.status ??= call.request?.res?.statusCode
      this.finish(call, call.answeredAt)
    }
  }
}

function setFailure ({ span, status, error }: Call): void {
  const reason = error === undefined ? status === undefined ? 'no answer' : String(status) : reasonOf(error)
  span.setAttribute('error.type', reason)
  // The exporter drops both error.type and the status message.
  if (error !== undefined || status === undefined) span.setAttribute('error', reason)
  span.setStatus({ code: SpanStatusCode.ERROR })
}
