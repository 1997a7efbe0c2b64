/** Instances and the items that they send → Live Metrics. Runs where delivery runs: in the worker thread or in the app's thread. */
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { LiveClient, type LiveClientOptions } from './client'
import { sharedCounters, type SharedCounters } from './counters'
import { recordItem, spanItem } from './items'
import { LiveStream, type LiveIdentity, type LiveTiming } from './stream'

export type { LiveIdentity } from './stream'

/** A plugin instance that reports to Live Metrics. */
export interface LiveInstance extends LiveIdentity { counters: SharedArrayBuffer }

export interface LiveItems {
  spans: readonly ReadableSpan[]
  records: ReadonlyArray<{ record: ReadableLogRecord, rate: unknown }>
}

export interface LiveMetricsOptions extends Omit<LiveClientOptions, 'requestTimeout'> {
  /** Reads the items of a sealed batch. */
  unpack: (sealed: string) => LiveItems
  /** Logs details for debugging. */
  debug: (message: string) => void
}

/** In milliseconds. The service and Azure's own clients use these values. */
const TIMING: Readonly<LiveTiming> = Object.freeze({ firstPing: 5_000, ping: 5_000, post: 1_000, fallback: 60_000, pingsLostAfter: 60_000, postsLostAfter: 20_000 })
/** In milliseconds. An emulator answers at once, or not at all. */
const LOOPBACK_FIRST_PING = 500
const REQUEST_TIMEOUT = 10_000

export class LiveMetrics {
  readonly #options: LiveMetricsOptions
  readonly #timing: LiveTiming
  /** Keyed by role and instance: several Fastify instances in one process are one server. */
  readonly #streams = new Map<string, LiveStream>()
  readonly #members = new Map<number, { key: string, stream: LiveStream, counters: SharedCounters }>()

  /** @param timing for tests */
  constructor (options: LiveMetricsOptions, timing: Partial<LiveTiming> = {}) {
    this.#options = options
    this.#timing = { ...TIMING, ...(options.loopback ? { firstPing: LOOPBACK_FIRST_PING } : {}), ...timing }
  }

  open (id: number, { counters, ...identity }: LiveInstance): void {
    if (this.#members.has(id)) return
    const key = JSON.stringify([identity.role, identity.instance])
    let stream = this.#streams.get(key)
    if (stream === undefined) {
      const client = new LiveClient({ ...this.#options, requestTimeout: REQUEST_TIMEOUT })
      this.#streams.set(key, stream = new LiveStream(client, identity, this.#timing, this.#options.debug))
    }
    const member = { key, stream, counters: sharedCounters(counters) }
    this.#members.set(id, member)
    stream.join(member.counters)
  }

  close (id: number): void {
    const member = this.#members.get(id)
    if (member === undefined) return
    this.#members.delete(id)
    member.stream.leave(member.counters)
    if (!member.stream.isEmpty) return
    member.stream.close()
    this.#streams.delete(member.key)
  }

  /** Takes a batch that an instance has handed over for delivery. */
  take (id: number, sealed: { toString: () => string }): void {
    const stream = this.#members.get(id)?.stream
    if (stream?.isWanting !== true) return
    try {
      const { spans, records } = this.#options.unpack(sealed.toString())
      for (const span of spans) {
        if (!stream.isWanting) return
        stream.add(spanItem(span))
      }
      for (const { record, rate } of records) {
        if (!stream.isWanting) return
        stream.add(recordItem(record, rate))
      }
    } catch {
      // Delivery reports batches that can't be read.
    }
  }
}
