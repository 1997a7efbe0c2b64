/** Sealed batches → bodies → the endpoint, via the disk if it is unavailable. The same with and without a worker thread. */
import { clearInterval, monotonic, setInterval } from '../../clock'
import { total, type Counts } from '../counters'
import { Transport } from '../http/transport'
import { Alarm } from './alarm'
import { createBatch, createSource, itemsOf, type Batch, type Ledger, type SealedText, type Source } from './batch'
import { CircuitBreaker } from './circuit-breaker'
import { Conversions } from './conversions'
import { Converter } from './convert'
import { Leases, type LeaseEvents } from './leases'
import { Notices, type NoticeEvents } from './notices'
import { Sender } from './sender'
import type { FileOwnership, PipelineSettings } from './settings'
import { Spill, SPILL_ITEMS } from './spill'
import { createStorage, type Storage } from './storage'
import { shouldGiveUp, Waiters, type Mode, type Waiter } from './waiters'

export type { FileOwnership, PipelineSettings } from './settings'
export type { Mode } from './waiters'

export interface PipelineEvents extends LeaseEvents, NoticeEvents {
  authorization: ((renew: boolean) => Promise<string>) | undefined
}

// Bodies prepared before a request slot is free.
const READY_AHEAD = 4
const MAINTAIN_EVERY = 1_000

export class Pipeline {
  readonly #settings: PipelineSettings
  readonly #notices: Notices
  readonly #breaker: CircuitBreaker
  readonly #storage: Storage | undefined
  readonly #spill: Spill
  readonly #conversions: Conversions
  readonly #sender: Sender
  readonly #waiters = new Waiters()
  readonly #sources = new Map<number, Source>()
  readonly #maintenance: NodeJS.Timeout
  readonly #alarm = new Alarm(() => this.#guarded(() => this.#pump()))
  /** The files have been released: don't touch any until there is something new to send. */
  #hasReleasedFiles = false
  #stopped = false

  constructor (settings: PipelineSettings, inherited: Ledger, ownership: FileOwnership, events: PipelineEvents) {
    this.#settings = settings
    this.#notices = new Notices(settings.connection.instrumentationKey, events)
    const { connection, statsbeat, timing } = settings
    this.#breaker = new CircuitBreaker(timing.backoffBase, timing.backoffMax)
    this.#storage = createStorage(settings, {
      ...ownership,
      inherited: createSource(0, {}, inherited),
      sourceOf: id => this.#sources.get(id),
      notice: message => this.#notices.notice(message)
    })
    const leases = new Leases(events, this.#storage)
    this.#spill = new Spill(this.#storage, leases, timing.chunk)
    const shared = {
      notice: (message: string) => this.#notices.notice(message),
      attempt: () => this.#waiters.attempt(),
      attemptFailed: (attempt: number) => this.#attemptFailed(attempt),
      done: () => this.#continue()
    }
    this.#sender = new Sender(
      new Transport({ connection, requestTimeout: timing.requestTimeout, parallel: timing.parallel + timing.parallelFromDisk, authorization: events.authorization }),
      this.#breaker, leases, timing.parallel,
      { ...shared, warnOnce: message => this.#notices.warnOnce(message), internalError: error => this.#reportInternalError(error) })
    this.#conversions = new Conversions(
      new Converter(connection, statsbeat, timing.compress), this.#breaker, leases, timing,
      { ...shared, ready: batch => this.#sender.ready.push(batch) })
    this.#maintenance = setInterval(() => this.#maintain(), MAINTAIN_EVERY)
    this.#maintenance.unref()
  }

  open (id: number, resource: Record<string, unknown>, ledger: Ledger): void {
    this.#sources.set(id, createSource(id, resource, ledger))
  }

  take (id: number, sealed: SealedText, counts: Counts, sequence: number): void {
    const source = this.#sources.get(id)
    if (source === undefined || this.#stopped) return
    this.#hasReleasedFiles = false
    source.unsettled += total(counts)
    this.#conversions.queue.push(createBatch(source, counts, { sealed: [sealed], sequence }))
    if (this.#breaker.isTripped && itemsOf(this.#conversions.queue) > SPILL_ITEMS) this.#spillOlder(0)
    this.#pump()
  }

  /** Files left by dead workers are waiting to be sent. */
  resume (): void {
    this.#pump()
  }

  /**
   * Calls `done` when everything taken so far is settled, can't be settled for now, or time is up.
   * @param within milliseconds from now
   * @returns a function that ends the wait at once, as if time were up
   */
  settle (mode: Mode, within: number, id: number | undefined, done: () => void): () => void {
    const source = id === undefined ? undefined : this.#sources.get(id)
    // This source has sent nothing, so there is nothing to wait for.
    if (this.#stopped || (id !== undefined && source === undefined)) {
      done()
      return () => {}
    }
    this.#probe()
    const waiter = this.#waiters.add(mode, within, source, this.#breaker.isTripped, done, waiter => this.#expire(waiter))
    this.#continue()
    return () => this.#expire(waiter)
  }

  /** Writes everything unsent to disk at once and abandons requests in flight. */
  spoolNow (source?: Source): void {
    const [spill, sender, conversions] = [this.#spill, this.#sender, this.#conversions]
    const concerns = (each: Batch): boolean => source === undefined || each.source === source
    for (const batch of [...sender.inFlight].filter(concerns)) {
      sender.abandon(batch)
      spill.store(batch, true)
    }
    if (conversions.current.length > 0 && concerns(conversions.current[0])) spill.storeAll(conversions.abandon(), true)
    conversions.fromDisk = spill.storeMatching(conversions.fromDisk, concerns, true)
    sender.ready = spill.storeMatching(sender.ready, concerns, true)
    conversions.queue = spill.storeMatching(conversions.queue, concerns, true)
  }

  /** Leaves the files to the next process. */
  releaseFiles (): void {
    this.#hasReleasedFiles = true
    this.#storage?.release()
  }

  close (id: number): void {
    this.#sources.delete(id)
  }

  stop (): void {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#maintenance)
    this.#alarm.clear()
    for (const waiter of this.#waiters) this.#waiters.finish(waiter)
    this.#conversions.stop()
    this.#sender.stop()
    this.#storage?.release()
  }

  #continue (): void {
    this.#pump()
    this.#checkWaiters()
  }

  #pump (): void {
    if (this.#stopped) return
    if (this.#breaker.pausedUntil > monotonic()) return this.#alarm.set(this.#breaker.pausedUntil)
    this.#alarm.set(this.#sender.sendReady())
    // New items go first: one file that the endpoint can't handle must not block everything else.
    this.#convertNext()
    if (!this.#takeFromDisk()) return
    this.#alarm.set(this.#sender.sendReady())
    this.#convertNext()
  }

  #convertNext (): void {
    if (this.#sender.ready.length >= READY_AHEAD || !this.#sender.hasRoom) return
    const due = this.#conversions.due(this.#waiters.size > 0)
    if (due > monotonic()) return this.#alarm.set(due)
    this.#conversions.next().catch(error => this.#reportInternalError(error))
  }

  /** @returns whether there is something new to send */
  #takeFromDisk (): boolean {
    const storage = this.#storage
    if (storage === undefined || this.#hasReleasedFiles) return false
    const { isTripped, hasSucceeded } = this.#breaker
    if (isTripped && this.#sender.inFlight.size + this.#conversions.current.length + this.#sender.ready.length > 0) return false
    if (storage.readableAt > monotonic()) {
      this.#alarm.set(storage.readableAt)
      return false
    }
    const { parallelFromDisk, claimEvery } = this.#settings.timing
    let taken = false
    while (storage.leases.size < (isTripped ? 1 : parallelFromDisk)) {
      const batch = storage.take(this.#waiters.isClosing, hasSucceeded && !isTripped ? claimEvery : undefined)
      if (batch === undefined) break
      taken = true
      if (batch.body === undefined) this.#conversions.fromDisk.push(batch)
      else this.#sender.ready.push(batch)
    }
    return taken
  }

  /** While the endpoint is unavailable, memory holds only the most recent items. */
  #spillOlder (than: number): void {
    if (this.#storage?.isWritable !== true) return
    const before = monotonic() - than
    const isOld = (batch: Batch): boolean => batch.since <= before
    this.#sender.ready = this.#spill.storeMatching(this.#sender.ready, isOld, false)
    this.#conversions.queue = this.#spill.storeMatching(this.#conversions.queue, isOld, false)
  }

  #maintain (): void {
    this.#guarded(() => {
      this.#storage?.heartbeat()
      if (this.#breaker.state !== 'closed') this.#spillOlder(this.#settings.timing.spillAfter)
      this.#continue()
    })
  }

  /** An attempt that started before someone began to wait may be out of date: try again at once. */
  #attemptFailed (attempt: number): void {
    if (this.#waiters.recordFailedAttempt(attempt)) this.#probe()
  }

  /** Someone is waiting: retry postponed batches at once. */
  #probe (): void {
    if (!this.#breaker.probe()) return
    this.#conversions.hurry()
    this.#sender.hurry()
    if (this.#storage !== undefined) this.#storage.readableAt = 0
  }

  #checkWaiters (): void {
    for (const waiter of this.#waiters) {
      if (this.#isIdle(waiter)) this.#waiters.finish(waiter)
      else if (shouldGiveUp(waiter, this.#breaker, this.#sender.inFlight.size > 0, this.#storage?.isUsable === true)) this.#expire(waiter)
    }
  }

  #isIdle ({ mode, source }: Waiter): boolean {
    const sources = source === undefined ? [...this.#sources.values()] : [source]
    if (sources.some(each => each.unsettled > 0)) return false
    // A file in flight must not be released, or it would be sent twice.
    if (mode !== 'flush' && source === undefined && this.#storage !== undefined && this.#storage.leases.size > 0) return false
    // A process that exits cleanly uses its remaining time to empty the disk too.
    return mode === 'drain' || this.#breaker.isTripped || !sources.some(each => each.ledger.sum('spooled') > 0)
  }

  #expire (waiter: Waiter): void {
    if (!this.#waiters.has(waiter)) return
    this.#guarded(() => {
      if (waiter.mode !== 'flush') this.spoolNow(waiter.source)
      else if (this.#breaker.isTripped) this.#spillOlder(0)
    })
    // Callers take it as stored.
    this.#waiters.finish(waiter)
  }

  #guarded (work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#reportInternalError(error)
    }
  }

  /** A bug of ours must not crash the app, which may share this process. */
  #reportInternalError (error: unknown): void {
    this.#notices.notice(`internal error: ${(error as Error).message}`)
  }
}
