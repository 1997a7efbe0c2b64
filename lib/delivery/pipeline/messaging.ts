/** Messaging spans → type and target of their rows. The exporter handles only Event Hubs, and omits the hub's name. */
import { type Attributes, SpanKind } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { Item } from '../../rows/gate'

export function describeQueues (spans: readonly ReadableSpan[], items: readonly Item[]): void {
  const ofQueues = new Map(spans.filter(({ attributes }) => systemOf(attributes) !== undefined).map(span => [span.spanContext().spanId, span]))
  if (ofQueues.size === 0) return
  for (const { data } of items) {
    const base = data?.baseData
    const span = ofQueues.get(String(base?.id))
    if (base === undefined || span === undefined) continue
    const system = systemOf(span.attributes)!
    const target = targetOf(span.attributes) ?? system
    if (span.kind === SpanKind.CONSUMER) {
      base.source = target
    } else if (span.kind === SpanKind.CLIENT || span.kind === SpanKind.PRODUCER) {
      base.type = span.kind === SpanKind.PRODUCER ? `Queue Message | ${system}` : system
      base.target = target
    }
  }
}

/** The system behind a queue, or behind an Azure service not called over HTTP. */
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
