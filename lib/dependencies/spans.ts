/** A call → its CLIENT span, and the trace context for its callee. */
import { type Attributes, type Context, type Span, SpanKind, TraceFlags, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { parseTraceParent } from '@opentelemetry/core'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { hasOtherTracerProvider } from '../globals/tracer-provider'
import { MAX_URL, parseAuthority } from '../requests/attributes'
import { OTHER, knownMethod } from '../rows/methods'
import { operationOf } from '../tracing/operation'
import { isOwnClientSpan } from '../tracing/own-spans'
import { cut } from '../rows/cut'
import type { Instance } from '../instance'
import { injectContext } from '../tracing/propagation'
import { innermostMethod } from './azure/client-method'

export interface CallTarget {
  readonly method: string
  /** The host, and the port if it isn't the scheme's default. */
  readonly authority: string
  readonly secure: boolean
  readonly url: string
}

// Through a forward proxy, the path is the whole URL, and the connection is only the proxy's.
const WHOLE_URL = /^(https?):\/\/(?:[^/?#]*@)?([^/?#]+)/i

/** @param protocol with its colon, @param authority where the client connects to */
export function callTarget (method: string, protocol: string, authority: string, path: string): CallTarget {
  const whole = path.startsWith('/') ? null : WHOLE_URL.exec(path)
  return whole === null
    ? { method, authority, secure: protocol === 'https:', url: `${protocol}//${authority}${path}` }
    : { method, authority: whole[2]!, secure: whole[1]!.toLowerCase() === 'https', url: path }
}

/** Sets a header of the outgoing call, replacing any header with the same name. */
export type SetHeader = (name: string, value: string) => void

const SETTER = { set: (carrier: SetHeader, name: string, value: string): void => carrier(name, value) }

export function inject (where: Context, set: SetHeader): void {
  injectContext(where, set, SETTER)
}

/** A caller's context, from its `traceparent` only. */
export function parseTraceContext (traceparent: string): Context | undefined {
  const caller = parseTraceParent(traceparent)
  return caller === null ? undefined : trace.setSpanContext(ROOT_CONTEXT, { ...caller, isRemote: true })
}

export function startCallSpan (telemetry: Instance, active: Context, target: CallTarget): Span {
  const known = knownMethod(target.method)
  const clientMethod = innermostMethod(active)
  return telemetry.startSpan(known === OTHER ? 'HTTP' : known, SpanKind.CLIENT, active, {
    'http.request.method': known,
    ...targetAttributes(telemetry, target),
    // The Azure SDK's method, if it makes the call.
    ...(clientMethod === undefined ? {} : { 'code.function.name': clientMethod.name })
  })
}

export function targetAttributes ({ redactor }: Instance, { authority, secure, url }: CallTarget): Attributes {
  const { address, port } = parseAuthority(authority)
  return {
    'url.full': cut(redactor.url(url), MAX_URL),
    'server.address': address,
    'server.port': port ?? (secure ? 443 : 80),
    // The exporter reads the target from here first. Otherwise it would leave out the port.
    ...(port === undefined ? {} : { 'peer.service': authority })
  }
}

/**
 * Where the `traceparent` that a call already has comes from.
 * - `app`: it is the caller's, passed on, or the one of an operation. The call's own one takes its place.
 * - `traced`: an instrumentation has a span for the call.
 * - `other`: the app set it on purpose, or a tracer that isn't OpenTelemetry's did, such as Datadog's.
 */
export function originOf (traceparent: string | undefined, active: Context): 'app' | 'traced' | 'other' {
  const theirs = traceparent === undefined ? null : parseTraceParent(traceparent)
  if (theirs === null) return 'app'
  const operation = operationOf(active)?.span as Span & Partial<ReadableSpan> | undefined
  if (theirs.spanId === operation?.parentSpanContext?.spanId) return 'app'
  if (isOwnClientSpan(theirs.spanId)) return 'traced'
  const ours = trace.getSpanContext(active)
  if (ours === undefined || theirs.traceId !== ours.traceId) return 'other'
  if ((ours.traceFlags & TraceFlags.SAMPLED) !== 0 && hasOtherTracerProvider()) return 'traced'
  return theirs.spanId === ours.spanId || theirs.spanId === operation?.spanContext().spanId ? 'app' : 'other'
}
