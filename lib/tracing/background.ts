/** Work that no request has asked for → an operation of its own: a `requests` row, and everything that belongs to it. */
import { type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, context, trace } from '@opentelemetry/api'
import { OPERATION_NAME } from '../rows/attribute-names'
import { Fate, Operation, kOperation } from './operation'
import { type PublicOperation, publicOperation } from './public-operation'
import { SAMPLE_RATE } from './sampler'
import { isThenable } from '../rows/hostile'
import { Severity } from '../logs/severity'
import { type SpanWithOperation, type Telemetry } from './telemetry'

/**
 * Runs `work`, and waits for its promise where it gives one. What it throws is thrown on, after it was reported once.
 * A CONSUMER span: for the exporter that is a request, and nobody takes it for one that came over HTTP.
 */
export function runOperation<T> (telemetry: Telemetry, name: string, work: (operation: PublicOperation) => T): T {
  const { config } = telemetry
  const caller = trace.getSpanContext(context.active())
  // Not a part of the operation that starts it, which may have ended long before; but tied to it.
  const links: Link[] = caller === undefined ? [] : [{ context: caller }]
  const span = telemetry.startSpan(name, SpanKind.CONSUMER, ROOT_CONTEXT, { [OPERATION_NAME]: name }, links)
  const sampled = (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
  const fate = !span.isRecording() ? Fate.Dropped : sampled && !telemetry.holds ? Fate.Kept : Fate.Undecided
  const operation = new Operation(telemetry, name, span, ROOT_CONTEXT, fate)
  const began = performance.now()
  if (fate === Fate.Dropped) telemetry.sampledOut++
  else (span as SpanWithOperation)[kOperation] = operation

  function end (failed: boolean): void {
    if (fate === Fate.Dropped) return
    telemetry.enrich(span, operation)
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
    operation.certain = (config.keepErrors && failed) || (config.keepSlowerThan !== undefined && performance.now() - began > config.keepSlowerThan)
    if (operation.certain) span.setAttribute(SAMPLE_RATE, 100)
    telemetry.exceptions?.reportPending(operation)
    operation.decide(operation.certain || sampled)
    span.end()
  }

  function fail (error: unknown): never {
    telemetry.exceptions?.report({ error, context: operation.context, severity: Severity.ERROR })
    end(true)
    throw error
  }

  let result: T
  if (typeof work !== 'function') {
    end(false)
    return undefined as T
  }
  try {
    result = context.with(operation.context, work, undefined, publicOperation(operation))
  } catch (error) {
    return fail(error)
  }
  if (!isThenable(result)) {
    end(false)
    return result
  }
  return result.then(value => {
    end(false)
    return value
  }, fail) as T
}
