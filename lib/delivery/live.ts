/** Live Metrics as delivery runs them: with its proxy, its token, and the batches that it is given. */
import { LiveMetrics, type LiveItems } from '../live-metrics'
import { proxyFrom } from './http/proxy'
import { redirectedEndpoint } from './http/redirect'
import type { PipelineSettings } from './pipeline'

export interface LiveEvents {
  authorization: ((renew: boolean) => Promise<string>) | undefined
  debug: (message: string) => void
}

/** @returns undefined where the connection string names no place for them */
export function createLiveMetrics ({ connection }: Pick<PipelineSettings, 'connection'>, { authorization, debug }: LiveEvents): LiveMetrics | undefined {
  const { liveEndpoint, instrumentationKey, loopback } = connection
  if (liveEndpoint === undefined) return undefined
  return new LiveMetrics({
    endpoint: liveEndpoint,
    loopback,
    instrumentationKey,
    authorization,
    findProxy: proxyFrom(process.env, new AbortController().signal),
    redirected: redirectedEndpoint,
    unpack: unpackItems,
    debug
  })
}

function unpackItems (sealed: string): LiveItems {
  // Not before somebody watches: it loads the exporter.
  const { emptyUnpacked, unpack } = require('./pipeline/unpack') as typeof import('./pipeline/unpack')
  const { RECORD_PROCESSED, RECORD_RATE } = require('./pipeline/exporters') as typeof import('./pipeline/exporters')
  const { resourceFromAttributes } = require('@opentelemetry/resources') as typeof import('@opentelemetry/resources')
  const unpacked = emptyUnpacked()
  unpack(sealed, resourceFromAttributes({}), unpacked)
  const records = unpacked.records.map(record => {
    const { [RECORD_RATE]: rate, [RECORD_PROCESSED]: _, ...attributes } = record.attributes
    return { record: { ...record, attributes }, rate }
  })
  return { spans: unpacked.spans, records }
}
