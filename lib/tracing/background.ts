/** Background work → a separate operation: a `requests` row and everything that belongs to it. */
import { type Attributes, type Context, type Link, type Span, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { context } from './context'
import { OPERATION_NAME } from '../rows/attribute-names'
import { RowDecision, Operation, type Owner, bindOwnSpan } from './operation'
import { type PublicOperation, publicOperation } from './public-operation'
import { Severity } from '../rows/severity'
import { runIn } from './run'
import { isForAzure } from './span-processor'

/** The part of the plugin's instance that background operations need. */
export interface BackgroundOwner extends Owner {
  readonly config: { readonly keepErrors: boolean, readonly keepSlowerThan: number | undefined }
  /** Whether rows that are sampled out are buffered until their operation ends. */
  readonly buffers: boolean
  readonly exceptions: {
    report: (occurrence: { error: unknown, context: Context, severity: number }) => unknown
    reportPending: (operation: Operation) => void
  } | undefined
  startSpan: (name: string, kind: SpanKind, parent: Context, attributes?: Attributes, links?: Link[]) => Span
  /** Adds the properties of the instance and of the operation. */
  enrich: (span: Span, operation: Operation) => void
}

/** An operation that the caller ends. */
export interface RunningOperation {
  readonly operation: Operation
  /** Reports an error once, even if called several times. */
  report: (error: unknown) => void
  end: (failed: boolean) => void
}

/** Starts a CONSUMER span: the exporter makes it a request, but it isn't mistaken for an HTTP request. */
export function beginOperation (telemetry: BackgroundOwner, givenName: string, links: Link[], attributes: Attributes = {}): RunningOperation {
  const { config } = telemetry
  const name = telemetry.redactor.text(givenName)
  const span = telemetry.startSpan(name, SpanKind.CONSUMER, ROOT_CONTEXT, { ...attributes, [OPERATION_NAME]: name }, links)
  const sampled = isForAzure(span)
  const decision = !span.isRecording() ? RowDecision.Drop : sampled && !telemetry.buffers ? RowDecision.Keep : RowDecision.Pending
  const operation = new Operation(telemetry, name, span, ROOT_CONTEXT, decision)
  const began = performance.now()
  if (decision === RowDecision.Drop) telemetry.sampledOut++
  else bindOwnSpan(operation)

  return {
    operation,
    report: error => { telemetry.exceptions?.report({ error, context: operation.context, severity: Severity.ERROR }) },
    end (failed) {
      if (decision === RowDecision.Drop) return
      telemetry.enrich(span, operation)
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
      const isSlow = config.keepSlowerThan !== undefined && performance.now() - began > config.keepSlowerThan
      if ((config.keepErrors && failed) || isSlow) operation.keepAnyway()
      telemetry.exceptions?.reportPending(operation)
      operation.decide(operation.forceKeep || sampled)
      operation.holdsSpan = false
      span.end()
    }
  }
}

/** Runs `work` and waits for its promise, if it returns one. Errors are reported once and rethrown. */
export function runOperation<T> (telemetry: BackgroundOwner, name: string, work: (operation: PublicOperation) => T): T {
  const caller = trace.getSpanContext(context.active())
  // Linked to the operation that starts it, but not part of it: that one may end long before.
  const { operation, report, end } = beginOperation(telemetry, name, caller === undefined ? [] : [{ context: caller }])

  if (typeof work !== 'function') {
    end(false)
    return undefined as T
  }
  return runIn(operation.context, work, publicOperation(operation), ({ failed, error }) => {
    if (failed) report(error)
    end(failed)
  })
}
