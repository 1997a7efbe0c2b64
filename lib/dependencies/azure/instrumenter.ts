/** Spans of the Azure SDK's clients → ours: AMQP calls, sent messages and processed messages. */
import type { Instrumenter, InstrumenterSpanOptions, TracingContext, TracingSpan, TracingSpanLink } from '@azure/core-tracing'
import { type Attributes, type Context, type Link, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { context } from '../../tracing/context'
import { beginOperation } from '../../tracing/background'
import { DeferredSpan } from '../../tracing/deferred-span'
import { sharedTracerProvider } from '../../globals/tracer-provider'
import type { Instance } from '../../instance'
import { isTracingSuppressed } from '@opentelemetry/core'
import type { MatchesCall } from '../patterns'
import { inject, parseTraceContext } from '../spans'
import { type ClientMethod, innermostMethod, markHttpCall, withMethod } from './client-method'
import { NOT_RECORDING, attributesOf, messageSpan, operationSpan, wrapSpan } from './tracing-span'

/** An instance of the plugin, and its options for calls. */
export interface Member {
  readonly telemetry: Instance
  readonly isIgnored: MatchesCall
  readonly isPropagated: MatchesCall
  /** Whether we trace node:http. If not, one of the app's instrumentations does. */
  readonly tracesHttp: boolean
}

/** A header value that only this instrumenter accepts. */
export const PROBE = 'fastify-app-insights'
const PIPELINE = '@azure/core-rest-pipeline'
const KINDS = { client: SpanKind.CLIENT, internal: SpanKind.INTERNAL, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER, server: SpanKind.SERVER }

interface Started { span: TracingSpan, tracingContext: TracingContext }

/** @see https://www.npmjs.com/package/@azure/core-tracing */
export function createInstrumenter (memberOf: (where: Context) => Member | undefined): Instrumenter {
  return {
    startSpan (name, options) {
      const where = options.tracingContext as Context | undefined ?? context.active()
      const member = isTracingSuppressed(where) ? undefined : memberOf(where)
      if (member === undefined) return { span: NOT_RECORDING, tracingContext: where }
      if (options.packageName === PIPELINE) {
        // It is already traced as a call of node:http.
        if (!member.tracesHttp) markHttpCall(where)
        return { span: NOT_RECORDING, tracingContext: where }
      }
      if (options.spanKind === 'consumer' && !name.startsWith('BatchingReceiver')) return startProcessing(member, name, options)
      return startCall(member, name, options, where)
    },
    withContext: (where, callback, ...args) => context.with(where as Context, callback as (...given: typeof args) => ReturnType<typeof callback>, undefined, ...args),
    parseTraceparentHeader: header => header === PROBE ? ROOT_CONTEXT : parseTraceContext(header),
    createRequestHeaders (where) {
      const headers: Record<string, string> = {}
      inject(where as Context | undefined ?? context.active(), (name, value) => { headers[name] = value })
      return headers
    }
  }
}

function startCall (member: Member, name: string, options: InstrumenterSpanOptions, where: Context): Started {
  const attributes = attributesOf(options.spanAttributes)
  const target = targetOf(attributes)
  const isMessage = options.spanKind === 'producer'
  const carries = isMessage && member.isPropagated('SEND', target)
  if (member.isIgnored('SEND', target)) return { span: carries ? messageSpan(undefined, true) : NOT_RECORDING, tracingContext: where }

  const tracer = sharedTracerProvider.getTracer(options.packageName, options.packageVersion)
  const started = { kind: KINDS[isPulling(name) ? 'internal' : options.spanKind ?? 'client'], attributes, links: linksOf(options.spanLinks) }
  if (isMessage) {
    const span = tracer.startSpan(name, started, where)
    return { span: messageSpan(span, carries), tracingContext: trace.setSpan(where, span) }
  }
  const method: ClientMethod = { name, outer: innermostMethod(where), callsHttp: false }
  // Prompts and completions of a model aren't part of its HTTP call's row.
  const isWanted = (span: DeferredSpan): boolean => !method.callsHttp || Object.keys(span.attributes).some(key => key.startsWith('gen_ai.'))
  const span = new DeferredSpan(tracer, name, started, where, isWanted)
  return { span: wrapSpan(span), tracingContext: withMethod(where, method) }
}

/** Whether the app pulled the messages itself, and processes them in its current operation. */
function isPulling (name: string): boolean {
  return name.startsWith('BatchingReceiver')
}

/** Messages that a receiver passes to the app: a separate operation, not part of the one that started the receiver. */
function startProcessing ({ telemetry }: Member, name: string, { spanAttributes, spanLinks }: InstrumenterSpanOptions): Started {
  const running = beginOperation(telemetry, name, linksOf(spanLinks), attributesOf(spanAttributes))
  return { span: operationSpan(running), tracingContext: running.operation.context }
}

function linksOf (links: TracingSpanLink[] = []): Link[] {
  return links.flatMap(({ tracingContext, attributes }) => {
    const spanContext = trace.getSpanContext(tracingContext as Context ?? ROOT_CONTEXT)
    return spanContext === undefined ? [] : [{ context: spanContext, attributes: attributesOf(attributes) }]
  })
}

/** The URL that `dependencies.ignore` and `propagate` match. */
function targetOf (attributes: Attributes): string {
  const host = attributes['server.address'] ?? attributes['net.peer.name'] ?? attributes['peer.address'] ?? ''
  const entity = attributes['messaging.destination.name'] ?? attributes['messaging.source.name'] ?? ''
  return `amqps://${String(host)}/${String(entity)}`
}
