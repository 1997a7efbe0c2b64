/** The interface between delivery and the rest of the plugin. */
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
  /** For Microsoft Entra ID. Stays on this thread. */
  credential?: TokenCredential
  /** Convert and send in a worker thread instead of this one. */
  worker: boolean
  /** Where batches wait while the endpoint is unavailable; false: nowhere. Undefined: a private folder in the temporary directory. */
  storageDirectory?: string | false
  maxStorageBytes: number
  /** Maximum number of items in memory that are neither sent nor stored; the rest are dropped. */
  maxQueueSize: number
  /** The exporter's reports to Microsoft about itself, and its polling for remote settings. Never with a loopback endpoint. */
  statsbeat: boolean
  /** Warns the operator that telemetry is in trouble, once a minute at most. Must not cause telemetry. */
  warn: (message: string) => void
  /** Of Live Metrics, where they are on. Asked when it is needed: the role may be known late. */
  live?: () => LiveInstance
  /** Not public: tests shorten the waits. */
  timing?: Partial<Timing>
}

/** Counts since the instance was created. */
export interface CloseReport {
  sent: number
  /** Waiting on disk for the next process. */
  spooled: number
  lost: number
}

export interface FlushReport extends CloseReport {
  /** Not sent, stored or lost when time ran out. */
  pending: number
}

/** Takes finished items and sends them. No method throws; only drainSync blocks. */
export interface Delivery {
  span: (span: RowSpan) => void
  record: (record: ReadableLogRecord) => void
  line: (line: PackableLine) => void
  metrics: (metrics: ResourceMetrics) => void
  /** Resolves when everything taken so far is sent, stored or dropped, or after `timeout` milliseconds (30,000). */
  flush: (timeout?: number) => Promise<FlushReport>
  /** Sends what it can within `timeout` milliseconds, stores the rest, and releases every handle. */
  close: (timeout: number) => Promise<CloseReport>
  /**
   * The process is ending: blocks for up to `timeout` milliseconds until pending items are sent or stored.
   * `last`: nothing runs after this (an exit handler), so the files are left to the next process at once.
   */
  drainSync: (timeout: number, last?: boolean) => void
  stats: () => DeliveryStats
}
