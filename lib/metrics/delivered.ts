/** Delivery's totals → how many rows were delivered, dropped and sampled out since the last interval. */
import type { DeliveryStats } from '../delivery'
import { GAUGE, type Point } from './series'

export class DeliveryMetrics {
  readonly #stats: () => DeliveryStats
  readonly #sampledOut: () => number
  /** Totals at the last interval. */
  #reported = { delivered: 0, dropped: 0, sampledOut: 0 }

  constructor (stats: () => DeliveryStats, sampledOut: () => number) {
    this.#stats = stats
    this.#sampledOut = sampledOut
  }

  take (): Point[] {
    const { inherited: _, lastError: __, ...kinds } = this.#stats()
    const sampledOut = this.#sampledOut()
    let [delivered, dropped, waiting] = [0, 0, 0]
    for (const kind of Object.values(kinds)) {
      delivered += kind.delivered
      waiting += kind.queued + kind.inFlight + kind.spooled
      for (const rows of Object.values(kind.dropped)) dropped += rows
    }
    const last = this.#reported
    this.#reported = { delivered, dropped, sampledOut }
    return [
      ['fastify_app_insights.rows.sent', GAUGE, {}, delivered - last.delivered],
      ['fastify_app_insights.rows.dropped', GAUGE, {}, dropped - last.dropped],
      ['fastify_app_insights.rows.sampled_out', GAUGE, {}, sampledOut - last.sampledOut],
      ['fastify_app_insights.rows.waiting', GAUGE, {}, waiting]
    ]
  }
}
