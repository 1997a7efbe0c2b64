/** Finished spans and log records → Azure. */
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { Connection } from '../connection'

export interface DeliveryOptions {
  connection: Connection
  /** Tells the operator, once in a while, that telemetry is in trouble. Must not cause telemetry. */
  warn: (message: string) => void
}

/** Takes what is finished and sends it. No method throws; none but drainSync blocks. */
export interface Delivery {
  span: (span: ReadableSpan) => void
  record: (record: ReadableLogRecord) => void
  /** Resolves when everything taken so far was sent or given up. */
  flush: () => Promise<void>
  /** Sends what is pending within `timeout` milliseconds, then lets go of every handle. */
  close: (timeout: number) => Promise<void>
  /** The process is ending: blocks up to `timeout` milliseconds until what is pending is safe. */
  drainSync: (timeout: number) => void
}
