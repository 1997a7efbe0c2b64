/** Finished spans and log records → Azure. */
import type { TokenCredential } from '@azure/core-auth'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'
import type { Connection } from '../connection'

export interface DeliveryOptions {
  connection: Connection
  resource: Resource
  credential: TokenCredential | undefined
  worker: boolean
  storageDirectory: string | false | undefined
  maxStorageBytes: number
  maxQueueSize: number
  statsbeat: boolean
  /** Tells the operator, once in a while, that telemetry is in trouble. Must not cause telemetry. */
  warn: (message: string) => void
}

export interface DeliveryStats { queued: number }
export interface FlushReport { sent: number, spooled: number, lost: number }
export type CloseReport = FlushReport

/** Takes what is finished and sends it. No method throws; none but drainSync blocks. */
export interface Delivery {
  span: (span: ReadableSpan) => void
  record: (record: ReadableLogRecord) => void
  /** Resolves when everything taken so far was sent or given up. */
  flush: () => Promise<FlushReport>
  /** Sends what is pending within `timeout` milliseconds, then lets go of every handle. */
  close: (timeout: number) => Promise<CloseReport>
  /** The process is ending: blocks up to `timeout` milliseconds until what is pending is safe. */
  drainSync: (timeout: number) => void
  stats: () => DeliveryStats
}

export function createDelivery (options: DeliveryOptions): Delivery {
  const azure = require('@azure/monitor-opentelemetry-exporter') as typeof import('@azure/monitor-opentelemetry-exporter')
  const { connection } = options
  process.env.OPENTELEMETRY_RESOURCE_METRIC_DISABLED = 'true'
  const common = { connectionString: connection.connectionString, host: connection.endpoint, allowInsecureConnection: connection.loopback, disableOfflineStorage: true }
  const traces = new azure.AzureMonitorTraceExporter(common)
  const logs = new azure.AzureMonitorLogExporter(common)
  let spans: ReadableSpan[] = []
  let records: ReadableLogRecord[] = []
  let sent = 0
  let timer: NodeJS.Timeout | undefined
  let busy = Promise.resolve()
  const send = (): Promise<void> => (busy = busy.then(sendNow))
  const sendNow = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const [a, b] = [spans, records]
    spans = []
    records = []
    sent += a.length + b.length
    await Promise.all([
      a.length > 0 && new Promise<void>(resolve => { void traces.export(a, () => resolve()) }),
      b.length > 0 && new Promise<void>(resolve => { void logs.export(b, () => resolve()) })
    ])
  }
  const schedule = (): void => { timer ??= setTimeout(() => { void send() }, 200).unref() }
  const report = (): FlushReport => ({ sent, spooled: 0, lost: 0 })
  return {
    span (span) { spans.push(span); schedule() },
    record (record) { records.push(record); schedule() },
    async flush () { await send(); return report() },
    async close () { await send(); await traces.shutdown(); await logs.shutdown(); return report() },
    drainSync () {},
    stats: () => ({ queued: spans.length + records.length })
  }
}

export function emptyStats (): DeliveryStats {
  return { queued: 0 }
}
