/** What the rest of the plugin sees of delivery. */
import type { TokenCredential } from '@azure/core-auth'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { LiveInstance } from '../live-metrics'
import type { Connection } from '../options/connection-string'
import type { DeliveryStats } from './counters'
import type { RowSpan } from '../rows/span'
import type { PackableLine } from './packed'
import type { Timing } from './timing'

export interface DeliveryOptions {
  connection: Connection
  /** The same for all items of this instance. */
  resource: { readonly attributes: Readonly<Record<string, unknown>> }
  /** Microsoft Entra ID. Stays on this thread. */
  credential?: TokenCredential
  /** Convert and send in a worker thread, not in this one. */
  worker: boolean
  /** Where batches wait while the endpoint is away; false: nowhere. Undefined: a private one in the directory for temporary files. */
  storageDirectory?: string | false
  maxStorageBytes: number
  /** Items in memory that are neither sent nor stored; more are dropped. */
  maxQueueSize: number
  /** The exporter's reports to Microsoft about itself, and its poll of remote settings. Never with a loopback endpoint. */
  statsbeat: boolean
  /** Tells the operator that telemetry is in trouble, once a minute at most. Must not cause telemetry. */
  warn: (message: string) => void
  /** Of Live Metrics, where they are on. Asked when it is needed: the role may be known late. */
  live?: () => LiveInstance
  /** Not public: tests shorten the waits. */
  timing?: Partial<Timing>
}

/** Since the instance was made. */
export interface CloseReport {
  sent: number
  /** Waiting on disk for the next process. */
  spooled: number
  lost: number
}

export interface FlushReport extends CloseReport {
  /** Neither sent, nor stored, nor lost when the time was over. */
  pending: number
}

/** Takes what is finished and sends it. No method throws; none but drainSync blocks. */
export interface Delivery {
  span: (span: RowSpan) => void
  record: (record: ReadableLogRecord) => void
  line: (line: PackableLine) => void
  metrics: (metrics: ResourceMetrics) => void
  /** Resolves when everything taken so far was sent, stored or given up; after `timeout` milliseconds (30,000) at the latest. */
  flush: (timeout?: number) => Promise<FlushReport>
  /** Sends what is pending within `timeout` milliseconds, stores the rest, and lets go of every handle. */
  close: (timeout: number) => Promise<CloseReport>
  /**
   * The process is ending: blocks up to `timeout` milliseconds until what is pending is sent or stored.
   * `last`: nothing comes after it (an exit handler), so what is on disk is for the next process at once.
   */
  drainSync: (timeout: number, last?: boolean) => void
  stats: () => DeliveryStats
}
