/** Spans, records and metrics → the envelopes that the Azure exporter would post. It never gets to post one. */
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import type * as Azure from '@azure/monitor-opentelemetry-exporter'
import { context } from '../../tracing/context'
import type { Connection } from '../../options/connection-string'
import { PROCESSED } from '../../rows/attribute-names'
import { fit, type Item } from '../../rows/gate'
import { normalizedVariables } from '../http/proxy'
import { suppressTracing } from '@opentelemetry/core'
import { attempt } from '../../rows/hostile'
import { makePlain, quickenExports } from '../../v8'
import type { Envelope } from './bodies'
import { describeQueues } from './messaging'

/** Converts one batch at a time: it is all computation, so concurrency wouldn't help. Envelopes are empty if there is no row to make. */
export interface Exporters {
  spans: (spans: ReadableSpan[]) => Promise<Envelope[]>
  records: (records: ReadableLogRecord[]) => Promise<Envelope[]>
  metrics: (metrics: ResourceMetrics) => Promise<Envelope[]>
}

interface Poll { worker?: unknown, shutdown: () => void }

/** What the exporter posts, and whom it tells that there was an answer. */
interface TrackRequest { body: Envelope[], onResponse?: (response: { status: number }) => void }
type Post = (request: TrackRequest) => Promise<{ status: string, body: object }>
interface TrackClient { path: () => { post: Post } }

interface Sender {
  exportEnvelopes: (items: Item[], ...rest: unknown[]) => unknown
  readonly appInsightsClient?: { _client?: TrackClient }
}

/**
 * The exporter has no field for a record's sample rate, or for the mark of a row that a metric has counted. Both pass
 * through it as properties, under names that nobody outside this thread can know.
 */
export const RECORD_RATE = `fai.${randomUUID()}.rate`
export const RECORD_PROCESSED = `fai.${randomUUID()}.processed`

function applyMarks (item: Item): void {
  const properties = item.data?.baseData?.properties
  if (properties === undefined) return
  const { [RECORD_RATE]: rate, [RECORD_PROCESSED]: processed } = properties
  if (rate !== undefined) {
    item.sampleRate = Number(rate)
    delete properties[RECORD_RATE]
  }
  if (processed !== undefined) {
    properties[PROCESSED] = processed
    delete properties[RECORD_PROCESSED]
  }
}

/**
 * Fits the exporter's rows while they still are its own objects, so that nothing has to be parsed, and takes the envelopes
 * from it where it would send them.
 */
function intercept (exporter: object, take: (envelopes: Envelope[]) => void, prepare?: (items: Item[]) => void): void {
  const { sender: ofTraces, _sender: sender = ofTraces } = exporter as { sender?: Sender, _sender?: Sender }
  const client = sender?.appInsightsClient
  // The exporter's version is pinned; in another one, rows would be lost one by one, unnoticed.
  if (typeof sender?.exportEnvelopes !== 'function' || typeof client?._client?.path !== 'function') throw new Error('This version of @azure/monitor-opentelemetry-exporter is not supported')
  const post: Post = async ({ body, onResponse }) => {
    take(body)
    // Always report success: the exporter must not keep, repeat or drop what we now own.
    onResponse?.({ status: 200 })
    return { status: '200', body: { itemsReceived: body.length, itemsAccepted: body.length } }
  }
  client._client = { path: () => ({ post }) }
  const send = sender.exportEnvelopes
  sender.exportEnvelopes = (items, ...rest) => {
    prepare?.(items)
    const fitting: Item[] = []
    for (const item of items) {
      applyMarks(item)
      if (fit(item) !== undefined) fitting.push(item)
    }
    return send.call(sender, fitting, ...rest)
  }
}

// The files with the constants that it looks up again and again for each row.
const CONSTANTS = ['generated/index.js', 'types.js', 'utils/constants/applicationinsights.js']

/** Loading the exporter takes 0.2 s: wait until there is something to send, and avoid the main thread if possible. */
export function loadExporters (connection: Connection, statsbeat: boolean): Exporters {
  for (const path of CONSTANTS) attempt(() => makePlain(pathOf(path)))
  const azure = require('@azure/monitor-opentelemetry-exporter') as typeof Azure
  quickenExports()
  freezeTags()
  const options: Azure.AzureMonitorExporterOptions = { connectionString: connection.connectionString, disableOfflineStorage: true }

  const quiet = connection.loopback || !statsbeat
  const poll = quiet ? settingsPoll() : undefined
  const polling = poll?.worker !== undefined
  const { trace, log, metric } = withEnv({
    // It fails if the proxy has no scheme or can't be used.
    ...normalizedVariables(process.env),
    APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED: 'true',
    // These would count our answer instead of Azure's.
    APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true',
    ...(quiet ? { APPLICATION_INSIGHTS_NO_STATSBEAT: 'true', APPLICATIONINSIGHTS_STATSBEAT_DISABLED: 'true' } : {})
    // Without a worker, the exporter's background work must not show up as the app's rows.
  }, () => context.with(suppressTracing(ROOT_CONTEXT), () => ({
    trace: new azure.AzureMonitorTraceExporter(options),
    log: new azure.AzureMonitorLogExporter(options),
    metric: new azure.AzureMonitorMetricExporter(options)
  })))
  let converting: readonly ReadableSpan[] = []
  let taken: Envelope[] = []
  const take = (envelopes: Envelope[]): void => { taken = envelopes }
  intercept(trace, take, items => describeQueues(converting, items))
  for (const exporter of [log, metric]) intercept(exporter, take)
  // Every exporter starts it, and its first call goes out after 5 s. Other users of the exporter keep theirs.
  if (!polling) poll?.shutdown()

  let turn: Promise<unknown> = Promise.resolve()
  function convert (run: (done: Parameters<SpanExporter['export']>[1]) => void | Promise<void>): Promise<Envelope[]> {
    const converted = turn.then(async () => {
      let failure: Error | undefined
      // The trace exporter calls back twice, so only the promise counts.
      // The exporter's own log lines belong to no request, and exporting them would loop.
      try {
        await context.with(suppressTracing(ROOT_CONTEXT), () => run(result => { failure ??= result.error }))
        if (taken.length === 0 && failure !== undefined) throw failure
        return taken
      } finally {
        // What a failed conversion left must not become part of the next one.
        taken = []
      }
    })
    turn = converted.catch(() => {})
    return converted
  }

  return {
    spans: spans => convert(done => {
      converting = spans
      return trace.export(spans, done)
    }),
    records: records => convert(done => log.export(records, done)),
    metrics: metrics => convert(done => metric.export(metrics, done))
  }
}

/** The remote settings poll can't be switched off. */
function settingsPoll (): Poll | undefined {
  return internal<{ ConfigurationManager: { getInstance: () => Poll } }>('_configuration/configurationManager.js')?.ConfigurationManager.getInstance()
}

/**
 * The exporter copies these tags for each row and adds to the copy. On Node.js 20, V8 makes new hidden classes for each
 * copy, unless the original is frozen: 10 µs and 1 KB of memory that only a full collection frees.
 */
function freezeTags (): void {
  const context = internal<{ getInstance: () => { tags: object } }>('platform/index.js')?.getInstance()
  if (context !== undefined) Object.freeze(context.tags)
}

/** A module of the exporter that it doesn't export; its version is pinned. Undefined in a bundle. */
function internal<T> (path: string): T | undefined {
  try {
    return require(pathOf(path)) as T
  } catch {
    return undefined
  }
}

/** @throws in a bundle, where the exporter has no files */
function pathOf (path: string): string {
  return join(dirname(require.resolve('@azure/monitor-opentelemetry-exporter')), path)
}

/** The exporter reads these only while it is being constructed. */
function withEnv<T> (values: Record<string, string | undefined>, run: () => T): T {
  const before = Object.fromEntries(Object.keys(values).map(name => [name, process.env[name]]))
  setEnv(values)
  try {
    return run()
  } finally {
    setEnv(before)
  }
}

function setEnv (values: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
