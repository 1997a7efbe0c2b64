/** Finished spans and log records → Azure: packed and counted here, converted and sent elsewhere. */
import type { TokenCredential } from '@azure/core-auth'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Connection } from '../options/connection-string'
import { LOCAL_TIMING, LocalLink, WorkerLink, type Client, type Link, type LinkSettings } from './worker/link'
import { kindOfRecord, kindOfSpan, DEPENDENCIES, METRIC_POINTS, Packer, TRACES, type PackableLine, type PackableSpan } from './pack'
import type { Timing } from './pipeline'
import { spoolDirectory, whyUnwritable } from './spool'
import { Account, add, countsOf, droppedIn, droppedText, settledIn, statsFrom, sumOf, total, type Counts, type DeliveryStats, type Reason } from './counters'

export { emptyStats } from './counters'
export { LINE_SEPARATOR, type LineOrigin, type PackableLine } from './pack'
export type { DeliveryStats, Kind, KindStats, Reason } from './counters'

export interface DeliveryOptions {
  connection: Connection
  /** The same for all items of this instance. */
  resource: { readonly attributes: Readonly<Record<string, unknown>> }
  /** Microsoft Entra ID. Stays on this thread. */
  credential?: TokenCredential
  /** Convert and send in a worker thread, not in this one. */
  worker: boolean
  /** Where batches wait while the endpoint is away; false: nowhere. Undefined: a private one in the directory for temporary files. */
  storageDirectory?: string | false
  maxStorageBytes: number
  /** Items in memory that are neither sent nor stored; more are dropped. */
  maxQueueSize: number
  /** The exporter's reports to Microsoft about itself, and its poll of remote settings. Never with a loopback endpoint. */
  statsbeat: boolean
  /** Tells the operator that telemetry is in trouble, once a minute at most. Must not cause telemetry. */
  warn: (message: string) => void
  /** Not public: tests shorten the waits. */
  timing?: Partial<Timing>
}

/** Since the instance was made. */
export interface CloseReport {
  sent: number
  /** Waiting on disk for the next process. */
  spooled: number
  lost: number
}

export interface FlushReport extends CloseReport {
  /** Neither sent, nor stored, nor lost when the time was over. */
  pending: number
}

/** Takes what is finished and sends it. No method throws; none but drainSync blocks. */
export interface Delivery {
  span: (span: PackableSpan) => void
  record: (record: ReadableLogRecord) => void
  line: (line: PackableLine) => void
  metrics: (metrics: ResourceMetrics) => void
  /** Resolves when everything taken so far was sent, stored or given up; after `timeout` milliseconds (30,000) at the latest. */
  flush: (timeout?: number) => Promise<FlushReport>
  /** Sends what is pending within `timeout` milliseconds, stores the rest, and lets go of every handle. */
  close: (timeout: number) => Promise<CloseReport>
  /**
   * The process is ending: blocks up to `timeout` milliseconds until what is pending is sent or stored.
   * `last`: nothing comes after it (an exit handler), so what is on disk is for the next process at once.
   */
  drainSync: (timeout: number, last?: boolean) => void
  stats: () => DeliveryStats
}

// What is made a string at once, which holds up the event loop for a tenth of a millisecond.
const BATCH_ITEMS = 256
// Beside the app, what is handed over is converted at once as well.
const LOCAL_BATCH_ITEMS = 128
const BATCH_CHARACTERS = 512 * 1024
const BATCH_WAIT = 200
const FLUSH_TIMEOUT = 30_000
const FORGET = 5_000
const WARN_EVERY = 60_000
// Ordinary traces and dependencies leave the last tenth of the queue to requests and to what went wrong.
const LOW_SHARE = 0.9
const WARN_SEVERITY = 13

const TIMING: Timing = {
  requestTimeout: 10_000,
  backoffBase: 500,
  backoffMax: 8_000,
  spillAfter: 2_000,
  parallel: 16,
  parallelFromDisk: 4,
  chunk: 512,
  gather: 100,
  claimEvery: 60_000,
  compress: true
}

// One per process on purpose: a thread and its memory are too dear to have one for each instance.
const links = new Map<string, { link: Link, clients: Map<number, Client>, users: number }>()
const credentials = new WeakMap<TokenCredential, number>()
let lastId = 0

export function createDelivery (options: DeliveryOptions): Delivery {
  return new QueuedDelivery(options)
}

class QueuedDelivery implements Delivery {
  readonly #id = ++lastId
  readonly #options: DeliveryOptions
  readonly #key: string
  readonly #shared: { link: Link, clients: Map<number, Client>, users: number }
  readonly #packer = new Packer()
  /** Sealed and handed over. */
  readonly #posted: Counts = countsOf()
  readonly #far = new Account()
  readonly #near = new Account()
  readonly #high: number
  readonly #low: number
  readonly #batch: number
  #postedItems = 0
  #settledItems = 0
  #settledAt = 0
  #timer: NodeJS.Timeout | undefined
  #closing: Promise<CloseReport> | undefined
  #lastError: { message: string, at: Date } | null = null
  #warnTimer: NodeJS.Timeout | undefined
  #warnedAt = -Infinity
  #warnedDrops = 0

  constructor (options: DeliveryOptions) {
    this.#options = options
    this.#high = options.maxQueueSize
    this.#low = Math.floor(options.maxQueueSize * LOW_SHARE)
    this.#batch = options.worker ? BATCH_ITEMS : LOCAL_BATCH_ITEMS
    const { connection, worker, storageDirectory, maxStorageBytes, statsbeat, credential } = options
    const settings: LinkSettings = {
      connection,
      worker,
      credential,
      storage: storageDirectory === false ? undefined : spoolDirectory(connection, storageDirectory),
      maxStorageBytes,
      statsbeat,
      // Nothing is gained by compressing for this machine.
      timing: { ...TIMING, ...(worker ? {} : LOCAL_TIMING), compress: !connection.loopback, ...options.timing }
    }
    this.#key = JSON.stringify([connection.connectionString, worker, settings.storage, maxStorageBytes, statsbeat, settings.timing, credentialId(credential)])
    let shared = links.get(this.#key)
    if (shared === undefined) {
      const clients = new Map<number, Client>()
      shared = { link: new (worker ? WorkerLink : LocalLink)(settings, clients), clients, users: 0 }
      links.set(this.#key, shared)
    }
    shared.users++
    shared.clients.set(this.#id, {
      resource: () => options.resource.attributes,
      account: this.#far,
      near: this.#near,
      notice: (message, at) => {
        this.#lastError = { message, at: new Date(at) }
        this.#warnSoon()
      },
      warn: message => this.#tell(message),
      outstanding: () => this.#unsettled(this.#posted)
    })
    this.#shared = shared
    const why = settings.storage === undefined ? undefined : whyUnwritable(settings.storage)
    // Said now: during the first outage is late.
    if (why !== undefined) this.#tell(`telemetry cannot wait on disk (${why}): what cannot be sent stays in memory. Set storageDirectory to a folder that is writable, or to false.`)
  }

  span (span: PackableSpan): void {
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
    if (!this.#hasRoom((record.severityNumber ?? 0) < WARN_SEVERITY)) return this.#refuse(kindOfRecord(record.attributes), 1)
    try {
      this.#packer.record(record)
    } catch {
      return this.#drop(kindOfRecord(record.attributes), 1, 'unpackable')
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
    this.#post()
    await this.#shared.link.settle('flush', Date.now() + timeout, this.#id)
    const report = this.#report()
    return { ...report, pending: total(this.#recorded()) - report.sent - report.spooled - report.lost }
  }

  close (timeout: number): Promise<CloseReport> {
    this.#closing ??= this.#close(timeout)
    return this.#closing
  }

  drainSync (timeout: number, last = false): void {
    try {
      this.#post()
      this.#shared.link.drain(timeout, last)
    } catch {
      // The process is ending, and that is nothing to end it differently for.
    }
  }

  stats (): DeliveryStats {
    const inherited = this.#shared.link.inherited.read()
    return {
      ...statsFrom(this.#recorded(), this.#near.read(), this.#far.read()),
      lastError: this.#lastError,
      inherited: {
        delivered: sumOf(inherited, 'delivered'),
        dropped: droppedIn(inherited),
        waiting: sumOf(inherited, 'spooled') + sumOf(inherited, 'inFlight')
      }
    }
  }

  #packed (): void {
    if (this.#packer.size >= this.#batch || this.#packer.characters >= BATCH_CHARACTERS) this.#post()
    else if (this.#timer === undefined) this.#timer = setTimeout(postLater, BATCH_WAIT, this).unref()
  }

  /** Public to the timer only, so that no closure is made per batch. */
  post (): void {
    this.#post()
  }

  #post (): void {
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
      // No thread to be had, for example.
      this.#near.move(counts, null, 'workerDied')
      this.#lastError = { message: (error as Error).message, at: new Date() }
      this.#warnSoon()
    }
  }

  #hasRoom (ordinary: boolean): boolean {
    if (this.#closing !== undefined) return false
    const limit = ordinary ? this.#low : this.#high
    if (this.#postedItems + this.#packer.size - this.#settledItems < limit) return true
    const now = Date.now()
    if (now - this.#settledAt < 5) return false
    this.#settledAt = now
    this.#settledItems = settledIn(this.#far.read()) + settledIn(this.#near.read())
    return this.#postedItems + this.#packer.size - this.#settledItems < limit
  }

  #refuse (kind: number, items: number): void {
    this.#drop(kind, items, this.#closing === undefined ? 'queueFull' : 'closed')
  }

  #drop (kind: number, items: number, reason: Reason): void {
    const counts = countsOf()
    counts[kind] = items
    this.#posted[kind] += items
    this.#postedItems += items
    this.#settledItems += items
    this.#near.move(counts, null, reason)
    if (reason !== 'closed') this.#warnSoon()
  }

  #recorded (): Counts {
    const recorded = [...this.#posted]
    add(recorded, this.#packer.counts)
    return recorded
  }

  /** Of `recorded`, what is neither sent, nor stored, nor lost. */
  #unsettled (recorded: Counts): Counts {
    return Object.values(statsFrom(recorded, this.#near.read(), this.#far.read())).map(kind => kind.queued + kind.inFlight)
  }

  #report (): CloseReport {
    const near = this.#near.read()
    const far = this.#far.read()
    return { sent: sumOf(far, 'delivered'), spooled: sumOf(far, 'spooled') + sumOf(near, 'spooled'), lost: droppedIn(far) + droppedIn(near) }
  }

  async #close (timeout: number): Promise<CloseReport> {
    const { link, clients } = this.#shared
    const end = Date.now() + timeout
    this.#post()
    const isLast = --this.#shared.users === 0
    // The rest of the time is for writing to disk.
    const reserve = Math.min(1_000, timeout / 5)
    await link.settle('close', end - reserve, isLast ? undefined : this.#id)
    clients.delete(this.#id)
    await link.release(this.#id)
    if (this.#shared.users === 0 && links.get(this.#key) === this.#shared) setTimeout(forget, FORGET, this.#key).unref()
    clearTimeout(this.#warnTimer)
    const left = this.#unsettled(this.#recorded())
    if (total(left) > 0) {
      this.#far.move(this.#far.inFlight(), 'inFlight', null)
      this.#near.move(left, null, 'closed')
    }
    return this.#report()
  }

  #warnSoon (): void {
    if (this.#warnTimer !== undefined || this.#closing !== undefined) return
    this.#warnTimer = setTimeout(() => {
      this.#warnTimer = undefined
      this.#warn()
    }, Math.max(1_000, this.#warnedAt + WARN_EVERY - Date.now())).unref()
  }

  #warn (): void {
    const near = this.#near.read()
    const far = this.#far.read()
    const dropped = droppedIn(near) + droppedIn(far)
    const spooled = sumOf(far, 'spooled')
    const isNew = dropped > this.#warnedDrops
    if (!isNew && spooled === 0) return
    this.#warnedAt = Date.now()
    const parts = []
    if (isNew) parts.push(`${dropped - this.#warnedDrops} items dropped (in all: ${droppedText(near, far)})`)
    if (spooled > 0) parts.push(`${spooled} items wait on disk`)
    if (this.#lastError !== null) parts.push(`last error: ${this.#lastError.message}`)
    this.#warnedDrops = dropped
    this.#tell(parts.join('; '))
  }

  #tell (message: string): void {
    try {
      this.#options.warn(`Application Insights: ${message}`)
    } catch {
      // The app's logger is not ours to fail for.
    }
  }
}

/** A connection string that is used no more. */
function forget (key: string): void {
  if (links.get(key)?.users === 0) links.delete(key)
}

function postLater (delivery: QueuedDelivery): void {
  delivery.post()
}

function credentialId (credential: TokenCredential | undefined): number {
  if (credential === undefined) return 0
  let id = credentials.get(credential)
  if (id === undefined) credentials.set(credential, id = ++lastId)
  return id
}
