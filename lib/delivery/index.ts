/** Finished spans and log records → Azure: packed and counted here, converted and sent elsewhere. */
import type { Delivery, DeliveryOptions } from './delivery'
import { QueuedDelivery } from './queue'

export { emptyStats, type DeliveryStats, type Kind, type KindStats, type Reason } from './counters'
export type { CloseReport, Delivery, DeliveryOptions, FlushReport } from './delivery'
export { LINE_SEPARATOR, type LineOrigin, type PackableLine } from './packed'

export function createDelivery (options: DeliveryOptions): Delivery {
  return new QueuedDelivery(options)
}
