/** The app's own processors → guarded: what they throw or never finish is their trouble alone. */
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { type Warn, messageOf } from '../warnings'

interface Processor { shutdown: () => Promise<void>, forceFlush: () => Promise<void> }

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

export function guardDestinations (spans: readonly SpanProcessor[], records: readonly LogRecordProcessor[], warn: Warn): Destinations {
  const all: readonly Processor[] = [...spans, ...records]

  function attempt (call: () => void): void {
    try {
      call()
    } catch (error) {
      tell(error)
    }
  }

  function tell (error: unknown): void {
    warn(`A processor of spanProcessors or logRecordProcessors failed: ${messageOf(error)}`)
  }

  function guardSpans (processor: SpanProcessor): SpanProcessor {
    return {
      onStart: (span, parent) => attempt(() => processor.onStart(span, parent)),
      ...(processor.onEnding === undefined ? {} : { onEnding: span => attempt(() => processor.onEnding!(span)) }),
      onEnd: span => attempt(() => processor.onEnd(span)),
      forceFlush: nothing,
      shutdown: nothing
    }
  }

  function guardRecords (processor: LogRecordProcessor): LogRecordProcessor {
    return {
      onEmit (record, where) {
        if (record.instrumentationScope.name !== SPAN_EVENTS_SCOPE) attempt(() => processor.onEmit(record, where))
      },
      forceFlush: nothing,
      shutdown: nothing
    }
  }

  async function each (timeout: number, call: (processor: Processor) => Promise<void>): Promise<void> {
    await bounded(Promise.all(all.map(async processor => {
      try {
        await call(processor)
      } catch (error) {
        tell(error)
      }
    })), timeout)
  }

  return {
    spanProcessors: spans.map(guardSpans),
    logRecordProcessors: records.map(guardRecords),
    flush: async timeout => await each(timeout, async processor => await processor.forceFlush()),
    shutdown: async timeout => await each(timeout, async processor => await processor.shutdown())
  }
}

/** Waits for `work`, `milliseconds` at most. */
export async function bounded (work: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise(resolve => { timer = setTimeout(resolve, milliseconds).unref() })])
  clearTimeout(timer)
}
