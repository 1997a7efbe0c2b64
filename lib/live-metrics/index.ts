/** Instances, and the items they send → Live Metrics. Runs where delivery runs: in the worker thread, or beside the app. */
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { LiveClient, type LiveClientOptions } from './client'
import { sharedCounters, type SharedCounters } from './counters'
import { recordItem, spanItem } from './items'
import { LiveStream, type LiveIdentity, type LiveTiming } from './stream'

export type { LiveIdentity } from './stream'

/** An instance that takes part. */
export interface LiveInstance extends LiveIdentity { counters: SharedArrayBuffer }

export interface LiveItems {
  spans: readonly ReadableSpan[]
  records: ReadonlyArray<{ record: ReadableLogRecord, rate: unknown }>
}

export interface LiveMetricsOptions extends Omit<LiveClientOptions, 'requestTimeout'> {
  /** Reads what is in a sealed batch. */
  unpack: (sealed: string) => LiveItems
  /** Logs details for debugging. */
  debug: (message: string) => void
}

/** In milliseconds; what the service and Azure's own clients go by. */
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

  /** What an instance has handed over to be sent. */
  take (id: number, sealed: string): void {
    const stream = this.#members.get(id)?.stream
    if (stream?.isWanting !== true) return
    try {
      const { spans, records } = this.#options.unpack(sealed)
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
