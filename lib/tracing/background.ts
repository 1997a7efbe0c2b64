/** Work that no request has asked for → an operation of its own: a `requests` row, and everything that belongs to it. */
import { type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OPERATION_NAME, SAMPLE_RATE } from '../rows/attribute-names'
import { Severity } from '../logs/severity'
import { context } from './context'
import type { Instance } from './instance'
import { Fate, Operation, bindSpan } from './operation'
import { isForAzure } from './span-processor'

/**
 * Runs `work`, and waits for its promise where it gives one. What it throws is thrown on, after it was reported once.
 * A CONSUMER span: for the exporter that is a request, and nobody takes it for one that came over HTTP.
 */
export function runOperation<T> (telemetry: Instance, name: string, work: (operation: Operation) => T): T {
  const { config } = telemetry
  const caller = trace.getSpanContext(context.active())
  // Not a part of the operation that starts it, which may have ended long before; but tied to it.
  const links: Link[] = caller === undefined ? [] : [{ context: caller }]
  const span = telemetry.startSpan(name, SpanKind.CONSUMER, ROOT_CONTEXT, { [OPERATION_NAME]: name }, links)
  const sampled = isForAzure(span)
  const fate = !span.isRecording() ? Fate.Dropped : sampled && !telemetry.holds ? Fate.Kept : Fate.Undecided
  const operation = new Operation(telemetry, name, span, ROOT_CONTEXT, fate)
  const began = performance.now()
  if (fate === Fate.Dropped) telemetry.sampledOut++
  else bindSpan(span, operation)

  function end (failed: boolean): void {
    if (fate === Fate.Dropped) return
    telemetry.enrich(span, operation)
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
    operation.certain = (config.keepErrors && failed) || (config.keepSlowerThan !== undefined && performance.now() - began > config.keepSlowerThan)
    if (operation.certain) span.setAttribute(SAMPLE_RATE, 100)
    operation.decide(operation.certain || sampled)
    span.end()
  }

  function fail (error: unknown): never {
    telemetry.exceptions?.report({ error, context: operation.context, severity: Severity.ERROR })
    end(true)
    throw error
  }

  let result: T
  try {
    result = context.with(operation.context, work, undefined, operation)
  } catch (error) {
    return fail(error)
  }
  if (!isPromise(result)) {
    end(false)
    return result
  }
  return result.then(value => {
    end(false)
    return value
  }, fail) as T
}

function isPromise (value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
