/**
 * One server's items and totals → pings and posts: asks whether someone is watching, and posts while someone is.
 *
 *     pinging ──(subscribed)──► posting ──(no longer subscribed, or lost for 20 s)──► pinging
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { clearTimeout, monotonic, setTimeout, wallClock } from '../clock'
import { attempt } from '../rows/hostile'
import type { LiveAnswer, LiveClient } from './client'
import { LiveError } from './client'
import { Collection } from './configuration'
import type { SharedCounters } from './counters'
import { documentOf, type Item } from './items'
import { Numbers } from './numbers'
import { INVARIANT_VERSION, type LiveDocument, type MonitoringDataPoint } from './protocol'

/** All in milliseconds. */
export interface LiveTiming {
  firstPing: number
  ping: number
  post: number
  /** Between pings, if none was answered for `pingsLostAfter` or the last one was refused. */
  fallback: number
  pingsLostAfter: number
  postsLostAfter: number
}

export interface LiveIdentity { role: string, instance: string, version: string }

// Maximum per post, regardless of the quota.
const MAX_DOCUMENTS = 50

export class LiveStream {
  readonly #client: LiveClient
  readonly #identity: LiveIdentity
  readonly #timing: LiveTiming
  readonly #debug: (message: string) => void
  readonly #counters = new Set<SharedCounters>()
  readonly #numbers = new Numbers()
  readonly #streamId = randomBytes(16).toString('hex')
  #collection = new Collection()
  #documents: LiveDocument[] = []
  #isWatched = false
  #isClosed = false
  #answeredAt = monotonic()
  #hasTold = false
  #pingInterval: number
  #timer: NodeJS.Timeout | undefined

  constructor (client: LiveClient, identity: LiveIdentity, timing: LiveTiming, debug: (message: string) => void) {
    this.#client = client
    this.#identity = identity
    this.#timing = timing
    this.#debug = debug
    this.#pingInterval = timing.ping
    this.#schedule(timing.firstPing)
  }

  get isEmpty (): boolean {
    return this.#counters.size === 0
  }

  /** Whether a new item could have any effect now. */
  get isWanting (): boolean {
    return this.#isWatched && this.#collection.isWanting
  }

  join (counters: SharedCounters): void {
    this.#counters.add(counters)
    counters.flag[0] = Number(this.#isWatched)
    if (this.#isWatched) this.#numbers.reset(this.#counters)
  }

  leave (counters: SharedCounters): void {
    counters.flag[0] = 0
    this.#counters.delete(counters)
  }

  add (item: Item): void {
    const streams = this.#collection.add(item)
    if (streams === undefined) return
    if (this.#documents.length >= MAX_DOCUMENTS) this.#documents.shift()
    this.#documents.push(documentOf(item, streams))
  }

  /** Stops all pings and posts. */
  close (): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#watch(false)
    this.#client.close()
  }

  #schedule (milliseconds: number): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => { this.#turn().catch(error => this.#fail(error)) }, milliseconds)
    this.#timer.unref()
  }

  async #turn (): Promise<void> {
    const began = monotonic()
    const { etag } = this.#collection
    try {
      this.#handle(this.#isWatched ? await this.#client.post(this.#point(), etag) : await this.#client.ping(this.#basics(), etag))
    } catch (error) {
      this.#fail(error)
    }
    if (this.#isWatched) this.#schedule(Math.max(0, this.#timing.post - (monotonic() - began)))
    else this.#schedule(this.#pingInterval)
  }

  #handle ({ isSubscribed, configuration, pollingInterval }: LiveAnswer): void {
    if (this.#isClosed) return
    this.#answeredAt = monotonic()
    this.#hasTold = false
    this.#pingInterval = pollingInterval ?? this.#timing.ping
    if (isSubscribed !== this.#isWatched) this.#watch(isSubscribed)
    if (configuration !== undefined && isSubscribed) this.#collection = new Collection(configuration)
  }

  #fail (error: unknown): void {
    if (this.#isClosed) return
    this.#tell(`live metrics are not available: ${describe(error)}. Delivery goes on; the next attempts are silent.`)
    const silence = monotonic() - this.#answeredAt
    // A wrong key or role will still be wrong in five seconds, so there's no point in asking again that soon.
    const isRefusal = error instanceof LiveError && error.status >= 400 && error.status < 500 && error.status !== 429 && error.status !== 408
    if (this.#isWatched && (isRefusal || silence >= this.#timing.postsLostAfter)) this.#watch(false)
    if (!this.#isWatched && (isRefusal || silence >= this.#timing.pingsLostAfter)) this.#pingInterval = this.#timing.fallback
  }

  #tell (message: string): void {
    if (this.#hasTold) return
    this.#hasTold = true
    // The app's diagnostic logger may throw. Its error must not end the app, or the next attempts.
    attempt(() => this.#debug(message))
  }

  #watch (isWatched: boolean): void {
    this.#isWatched = isWatched
    this.#documents = []
    // The service will send the filters again.
    if (!isWatched) this.#collection = new Collection()
    this.#numbers.reset(this.#counters)
    for (const { flag } of this.#counters) flag[0] = Number(isWatched)
  }

  #basics (): MonitoringDataPoint {
    const { role, instance, version } = this.#identity
    return {
      Version: version,
      InvariantVersion: INVARIANT_VERSION,
      Instance: instance,
      RoleName: role,
      MachineName: hostname(),
      StreamId: this.#streamId,
      Timestamp: new Date(wallClock()).toISOString(),
      IsWebApp: process.env.WEBSITE_SITE_NAME !== undefined,
      PerformanceCollectionSupported: true
    }
  }

  #point (): MonitoringDataPoint {
    const { metrics, seconds } = this.#numbers.take(this.#counters)
    const documents = this.#documents
    this.#documents = []
    return {
      ...this.#basics(),
      Metrics: [...metrics, ...this.#collection.take(seconds)],
      Documents: documents,
      CollectionConfigurationErrors: this.#collection.errors
    }
  }
}

/** Never includes a URL, which contains the key. */
function describe (error: unknown): string {
  if (error instanceof LiveError) return error.message
  const { code, name } = error as NodeJS.ErrnoException
  return code ?? name ?? 'no answer'
}
