/** Live Metrics as delivery runs them: with its proxy, its token, and the batches that it is given. */
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LiveMetrics, type LiveItems } from '../live-metrics'
import { proxyFrom } from './http/proxy'
import { redirectedEndpoint } from './http/redirect'
import type { PipelineSettings } from './pipeline'
import { RECORD_PROCESSED, RECORD_RATE } from './pipeline/exporters'
import { unpack } from './pipeline/unpack'

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
  const { spans, records } = unpack(sealed, resourceFromAttributes({}))
  const withRates = records.map(record => {
    const { [RECORD_RATE]: rate, [RECORD_PROCESSED]: _, ...attributes } = record.attributes
    return { record: { ...record, attributes }, rate }
  })
  return { spans, records: withRates }
}
