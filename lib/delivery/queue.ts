/** One instance's items: accepted or dropped, packed, and handed over one batch at a time. */
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { clearTimeout, monotonic, setTimeout } from '../clock'
import { Counters, add, countsOf, total, type Counts, type DeliveryStats, type Reason } from './counters'
import type { CloseReport, Delivery, DeliveryOptions, FlushReport } from './delivery'
import { kindOfRecord, kindOfSpan, DEPENDENCIES, METRIC_POINTS, TRACES } from './kinds'
import { Packer } from './pack'
import type { RowSpan } from '../rows/span'
import type { PackableLine } from './packed'
import { joinLink, leaveLink, releaseLink, settingsOf, type SharedLink } from './shared-links'
import { whyUnusable } from './spool'
import { Troubles } from './troubles'

// Items sealed at once, which blocks the event loop for a tenth of a millisecond.
const BATCH_ITEMS = 256
// Without a worker, the batch is also converted at once.
const LOCAL_BATCH_ITEMS = 128
const BATCH_CHARACTERS = 512 * 1024
// All in milliseconds.
const BATCH_WAIT = 200
// By then the app has started.
const WATCH_AFTER = 5_000
const LOOPBACK_WATCH_AFTER = 1_000
const FLUSH_TIMEOUT = 30_000
const POLL_EVERY = 5
// The part of close()'s time that is reserved for writing to disk.
const STORE_RESERVE = 1_000
// Ordinary traces and dependencies leave the last tenth of the queue to requests and failures.
const LOW_SHARE = 0.9
const WARN_SEVERITY = 13

let lastId = 0

export class QueuedDelivery implements Delivery {
  readonly #id = ++lastId
  readonly #shared: SharedLink
  readonly #packer = new Packer()
  readonly #counters = new Counters()
  readonly #troubles: Troubles
  /** Sealed and handed over, or dropped. */
  readonly #posted: Counts = countsOf()
  readonly #high: number
  readonly #low: number
  readonly #batchItems: number
  #postedItems = 0
  #polledAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  #closing: Promise<CloseReport> | undefined

  constructor (options: DeliveryOptions) {
    this.#high = options.maxQueueSize
    this.#low = Math.floor(options.maxQueueSize * LOW_SHARE)
    this.#batchItems = options.worker ? BATCH_ITEMS : LOCAL_BATCH_ITEMS
    this.#troubles = new Troubles(this.#counters, options.warn)
    const settings = settingsOf(options)
    this.#shared = joinLink(settings)
    this.#shared.clients.set(this.#id, {
      resource: () => options.resource.attributes,
      counters: this.#counters,
      live: options.live,
      notice: message => this.#troubles.notice(message),
      warn: message => this.#troubles.warn(message)
    })
    if (options.live !== undefined) this.#watch = setTimeout(startWatch, options.connection.loopback ? LOOPBACK_WATCH_AFTER : WATCH_AFTER, this).unref()
    const why = settings.storage === undefined ? undefined : whyUnusable(settings.storage)
    // Said now: during the first outage is late.
    if (why !== undefined) this.#troubles.warn(`rows cannot wait on disk (${why}), so they wait in memory only. Set storageDirectory to a writable folder, or to false.`)
  }

  span (span: RowSpan): void {
    const kind = kindOfSpan(span.kind)
    if (!this.#hasRoom(kind === DEPENDENCIES && span.status.code !== 2)) return this.#refuse(kind, 1)
    try {
      this.#packer.span(span)
    } catch {
      return this.#drop(kind, 1, 'unpackable')
    }
    this.#packed()
  }

  record (record: ReadableLogRecord): void {
    const kind = kindOfRecord(record.attributes)
    if (!this.#hasRoom((record.severityNumber ?? 0) < WARN_SEVERITY)) return this.#refuse(kind, 1)
    try {
      this.#packer.record(record)
    } catch {
      return this.#drop(kind, 1, 'unpackable')
    }
    this.#packed()
  }

  line (line: PackableLine): void {
    if (!this.#hasRoom(line.severityNumber < WARN_SEVERITY)) return this.#refuse(TRACES, 1)
    this.#packer.line(line)
    this.#packed()
  }

  metrics (metrics: ResourceMetrics): void {
    let points = 0
    for (const scope of metrics.scopeMetrics) for (const metric of scope.metrics) points += metric.dataPoints.length
    if (!this.#hasRoom(false)) return this.#refuse(METRIC_POINTS, points)
    try {
      this.#packer.metrics(metrics)
    } catch {
      return this.#drop(METRIC_POINTS, points, 'unpackable')
    }
    this.#packed()
  }

  async flush (timeout = FLUSH_TIMEOUT): Promise<FlushReport> {
    this.post()
    await this.#shared.link.settle('flush', timeout, this.#id)
    const report = this.#report()
    return { ...report, pending: total(this.#recorded()) - report.sent - report.spooled - report.lost }
  }

  close (timeout: number): Promise<CloseReport> {
    this.#closing ??= this.#close(timeout)
    return this.#closing
  }

  drainSync (timeout: number, last = false): void {
    try {
      this.post()
      this.#shared.link.drain(timeout, last)
    } catch {
      // The process is ending, and a failure here must not change how it ends.
    }
  }

  stats (): DeliveryStats {
    const { link } = this.#shared
    link.poll()
    return {
      ...this.#counters.stats(this.#recorded()),
      lastError: this.#troubles.lastError,
      inherited: {
        delivered: link.inherited.sum('delivered'),
        dropped: link.inherited.dropped(),
        waiting: link.inherited.sum('spooled')
      }
    }
  }

  #packed (): void {
    if (this.#packer.size >= this.#batchItems || this.#packer.characters >= BATCH_CHARACTERS) this.post()
    else if (this.#timer === undefined) this.#timer = setTimeout(postLater, BATCH_WAIT, this).unref()
  }

  /** Hands over what is packed. Public only for the timer, so that no closure is created per batch. */
  post (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#packer.size === 0) return
    const { counts, size } = this.#packer
    const sealed = this.#packer.seal()
    add(this.#posted, counts)
    this.#postedItems += size
    try {
      this.#shared.link.take(this.#id, sealed, counts)
    } catch (error) {
      // Not even the main thread can send: a bug of ours.
      this.#counters.move(counts, null, 'workerDied')
      this.#troubles.notice((error as Error).message)
    }
  }

  /** An idle app shows in Live Metrics too. Public to the timer only. */
  watch (): void {
    if (this.#closing === undefined) this.#shared.link.watch(this.#id, true)
  }

  #hasRoom (ordinary: boolean): boolean {
    if (this.#closing !== undefined) return false
    const limit = ordinary ? this.#low : this.#high
    if (this.#postedItems + this.#packer.size - this.#counters.settled < limit) return true
    const now = monotonic()
    if (now - this.#polledAt < POLL_EVERY) return false
    this.#polledAt = now
    this.#shared.link.poll()
    return this.#postedItems + this.#packer.size - this.#counters.settled < limit
  }

  #refuse (kind: number, items: number): void {
    this.#drop(kind, items, this.#closing === undefined ? 'queueFull' : 'closed')
  }

  #drop (kind: number, items: number, reason: Reason): void {
    const counts = countsOf()
    counts[kind] = items
    this.#posted[kind] += items
    this.#postedItems += items
    this.#counters.move(counts, null, reason)
    if (reason !== 'closed') this.#troubles.warnSoon()
  }

  #recorded (): Counts {
    const recorded = [...this.#posted]
    add(recorded, this.#packer.counts)
    return recorded
  }

  #report (): CloseReport {
    return { sent: this.#counters.sum('delivered'), spooled: this.#counters.sum('spooled'), lost: this.#counters.dropped() }
  }

  async #close (timeout: number): Promise<CloseReport> {
    const { clients, link } = this.#shared
    const client = clients.get(this.#id)
    // Live Metrics have nothing to say at the end.
    if (client !== undefined && client.live !== undefined) {
      clearTimeout(this.#watch)
      client.live = undefined
      link.watch(this.#id, false)
    }
    this.post()
    const isLast = leaveLink(this.#shared)
    await link.settle('close', timeout - Math.min(STORE_RESERVE, timeout / 5), isLast ? undefined : this.#id)
    link.poll()
    await releaseLink(this.#shared, this.#id)
    this.#troubles.close()
    const left = this.#counters.unsettled(this.#recorded())
    if (total(left) > 0) {
      this.#counters.move(this.#counters.counts('inFlight'), 'inFlight', null)
      this.#counters.move(left, null, 'closed')
    }
    return this.#report()
  }
}

function postLater (delivery: QueuedDelivery): void {
  delivery.post()
}

function startWatch (delivery: QueuedDelivery): void {
  delivery.watch()
}
