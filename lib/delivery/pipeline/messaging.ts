/** Spans of queues → type and target of their rows, which the exporter knows for Event Hubs only, and there without the hub. */
import { type Attributes, SpanKind } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'

interface Item { data: { baseData: { id?: string, type?: string, target?: string, source?: string } } }

export function withMessaging (spans: readonly ReadableSpan[], body: string | null): string | null {
  const messaging = new Map(spans.filter(({ attributes }) => systemOf(attributes) !== undefined).map(span => [span.spanContext().spanId, span]))
  if (body === null || messaging.size === 0) return body
  const items = JSON.parse(body) as Item[]
  for (const { data: { baseData } } of items) {
    const span = messaging.get(baseData.id ?? '')
    if (span === undefined) continue
    const system = systemOf(span.attributes)!
    const target = targetOf(span.attributes)
    if (span.kind === SpanKind.CONSUMER) {
      baseData.source = target ?? system
    } else if (span.kind !== SpanKind.SERVER && span.kind !== SpanKind.INTERNAL) {
      baseData.type = span.kind === SpanKind.PRODUCER ? `Queue Message | ${system}` : system
      baseData.target = target ?? system
    }
  }
  return JSON.stringify(items)
}

/** Of a queue, or of an Azure service that was not called over HTTP. */
function systemOf (attributes: Attributes): string | undefined {
  if (attributes['http.request.method'] !== undefined || attributes['http.method'] !== undefined || attributes['db.system'] !== undefined) return undefined
  const system = attributes['az.namespace'] ?? attributes['messaging.system']
  return typeof system === 'string' ? system : undefined
}

function targetOf (attributes: Attributes): string | undefined {
  const host = attributes['server.address'] ?? attributes['net.peer.name'] ?? attributes['peer.address']
  const entity = attributes['messaging.destination.name'] ?? attributes['messaging.source.name'] ?? attributes['message_bus.destination']
  const parts = [host, entity].filter(part => typeof part === 'string' && part !== '')
  return parts.length === 0 ? undefined : parts.join('/')
}
