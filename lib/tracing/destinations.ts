/** The app's own processors, guarded by their options → what the providers get, and one way to flush and end them in time. */
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { clearTimeout, setTimeout } from '../clock'

export interface Destinations {
  readonly spanProcessors: SpanProcessor[]
  readonly logRecordProcessors: LogRecordProcessor[]
  /** Both wait `timeout` milliseconds at most, and never reject. */
  flush: (timeout: number) => Promise<void>
  shutdown: (timeout: number) => Promise<void>
}

/** A span's events, which Azure has rows for: whoever gets the span has them in it. */
export const SPAN_EVENTS_SCOPE = 'fastify-app-insights/span-events'

const nothing = async (): Promise<void> => {}

export function createDestinations (spans: readonly SpanProcessor[], records: readonly LogRecordProcessor[]): Destinations {
  const all = [...spans, ...records]
  return {
    // The provider would wait for their end without a bound: that is called below.
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

/** Waits for `work`, `milliseconds` at most. */
export async function bounded (work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise(resolve => { timer = setTimeout(resolve, milliseconds).unref() })])
  clearTimeout(timer)
}
