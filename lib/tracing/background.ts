/** Work that no request has asked for → an operation of its own: a `requests` row, and everything that belongs to it. */
import { type Attributes, type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { context } from './context'
import { OPERATION_NAME, SAMPLE_RATE } from '../rows/attribute-names'
import type { Instance } from './instance'
import { Fate, Operation, bindSpan } from './operation'
import { type PublicOperation, publicOperation } from './public-operation'
import { isThenable } from '../rows/hostile'
import { attributesOf, markSampleRate } from '../rows/marks'
import { Severity } from '../logs/severity'
import { isForAzure } from './span-processor'

/** An operation that somebody else ends. */
export interface RunningOperation {
  readonly operation: Operation
  /** One exception, however often it is told of the error. */
  report: (error: unknown) => void
  end: (failed: boolean) => void
}

/** A CONSUMER span: for the exporter that is a request, and nobody takes it for one that came over HTTP. */
export function beginOperation (telemetry: Instance, givenName: string, links: Link[], attributes: Attributes = {}): RunningOperation {
  const { config } = telemetry
  const name = telemetry.redactor.text(givenName)
  const span = telemetry.startSpan(name, SpanKind.CONSUMER, ROOT_CONTEXT, { ...attributes, [OPERATION_NAME]: name }, links)
  const sampled = isForAzure(span)
  const fate = !span.isRecording() ? Fate.Dropped : sampled && !telemetry.holds ? Fate.Kept : Fate.Undecided
  const operation = new Operation(telemetry, name, span, ROOT_CONTEXT, fate)
  const began = performance.now()
  if (fate === Fate.Dropped) telemetry.sampledOut++
  else bindSpan(span, operation)

  return {
    operation,
    report: error => { telemetry.exceptions?.report({ error, context: operation.context, severity: Severity.ERROR }) },
    end (failed) {
      if (fate === Fate.Dropped) return
      telemetry.enrich(span, operation)
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
      operation.certain = (config.keepErrors && failed) || (config.keepSlowerThan !== undefined && performance.now() - began > config.keepSlowerThan)
      if (operation.certain) {
        // For other destinations.
        span.setAttribute(SAMPLE_RATE, 100)
        markSampleRate(attributesOf(span), 100)
      }
      telemetry.exceptions?.reportPending(operation)
      operation.decide(operation.certain || sampled)
      span.end()
    }
  }
}

/** Runs `work`, and waits for its promise where it gives one. What it throws is thrown on, after it was reported once. */
export function runOperation<T> (telemetry: Instance, name: string, work: (operation: PublicOperation) => T): T {
  const caller = trace.getSpanContext(context.active())
  // Not a part of the operation that starts it, which may have ended long before; but tied to it.
  const { operation, report, end } = beginOperation(telemetry, name, caller === undefined ? [] : [{ context: caller }])

  function fail (error: unknown): never {
    report(error)
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
