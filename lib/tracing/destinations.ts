/** The app's own processors, already guarded → processors for our providers, and a bounded flush and shutdown for all of them. */
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { clearTimeout, setTimeout } from '../clock'

export interface Destinations {
  readonly spanProcessors: SpanProcessor[]
  readonly logRecordProcessors: LogRecordProcessor[]
  /** Both wait at most `timeout` milliseconds, and never reject. */
  flush: (timeout: number) => Promise<void>
  shutdown: (timeout: number) => Promise<void>
}

/** Scope of the records that we make from span events for Azure. The app's processors don't get them, because the span contains its events. */
export const SPAN_EVENTS_SCOPE = 'fastify-app-insights/span-events'

const nothing = async (): Promise<void> => {}

export function createDestinations (spans: readonly SpanProcessor[], records: readonly LogRecordProcessor[]): Destinations {
  const all = [...spans, ...records]
  return {
    // The provider would wait for them without a limit, so flush and shutdown are called below instead.
    spanProcessors: spans.map(processor => ({ ...processor, forceFlush: nothing, shutdown: nothing })),
    logRecordProcessors: records.map(processor => ({
      onEmit (record, where) {
        if (record.instrumentationScope.name !== SPAN_EVENTS_SCOPE) processor.onEmit(record, where)
      },
      forceFlush: nothing,
      shutdown: nothing
    })),
    flush: async timeout => await bounded(Promise.all(all.map(async processor => await processor.forceFlush())), timeout),
    shutdown: async timeout => await bounded(Promise.all(all.map(async processor => await processor.shutdown())), timeout)
  }
}

/** Waits for `work`, but at most `milliseconds`. */
export async function bounded (work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise(resolve => { timer = setTimeout(resolve, milliseconds).unref() })])
  clearTimeout(timer)
}
