/** Sealed batches → bodies → the endpoint, by way of the disk where it is away. The same in a worker thread and without one. */
import type { Connection } from '../../options/connection-string'
import { clearInterval, clearTimeout, monotonic, setInterval, setTimeout } from '../clock'
import { isSameCounts, total, type Counts } from '../counters'
import { Transport } from '../http/transport'
import type { Outcome } from '../http/answer'
import type { Timing } from '../timing'
import { createBatch, createSource, merge, shift, type Batch, type Ledger, type Lease, type Source } from './batch'
import type { Counted } from './bodies'
import { CircuitBreaker } from './circuit-breaker'
import { Converter, ExporterUnavailable } from './convert'
import { answered, type Answered } from './responses'
import { Storage } from './storage'
import { Waiters, type Mode, type Waiter } from './waiters'

export type { Mode } from './waiters'

export interface PipelineSettings {
  connection: Connection
  /** The directory itself. Undefined: nothing is kept on disk. */
  storage: string | undefined
  maxStorageBytes: number
  statsbeat: boolean
  timing: Timing
  /** Of this process, in its files. */
  process: string
}

/** Whose files are whose, among the threads of one process. */
export interface FileOwnership {
  owner: string
  /** Of workers that are no more. */
  predecessors: readonly string[]
}

export interface PipelineEvents {
  /** What went wrong last, for people. */
  notice: (message: string) => void
  /** For people, at once; each text once. */
  warn: (message: string) => void
  authorization: ((renew: boolean) => Promise<string>) | undefined
  /** Asked before sealed batches are sent or stored. No: someone else has stored them meanwhile. */
  claim: (lease: number, sequences: readonly number[]) => boolean
  /** All of it was sent, stored or given up. */
  settled: (lease: number) => void
}

// Bodies made ahead of a free request.
const READY_AHEAD = 4
const SPILL_ITEMS = 2_000
const SPILL_CHARACTERS = 4 * 1024 * 1024
const MAINTAIN_EVERY = 1_000
const REPEAT_NOTICE_AFTER = 1_000

export class Pipeline {
  readonly #settings: PipelineSettings
  readonly #events: PipelineEvents
  readonly #transport: Transport
  readonly #breaker: CircuitBreaker
  readonly #converter: Converter
  readonly #storage: Storage | undefined
  readonly #sources = new Map<number, Source>()
  readonly #inFlight = new Set<Batch>()
  readonly #waiters = new Waiters()
  readonly #warned = new Set<string>()
  /** Sealed: from memory, and from files. */
  #queue: Batch[] = []
  #fromDisk: Batch[] = []
  #converting: Batch[] = []
  /** Bodies. */
  #ready: Batch[] = []
  readonly #maintenance: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  #timerAt = Infinity
  #convertAt = 0
  #attempts = 0
  #conversionFailures = 0
  #lastLease = 0
  #lastNotice = { message: '', at: -Infinity }
  /** The files have been handed on: none is touched until there is something new to send. */
  #hasReleasedFiles = false
  #stopped = false

  constructor (settings: PipelineSettings, inherited: Ledger, ownership: FileOwnership, events: PipelineEvents) {
    this.#settings = settings
    this.#events = events
    const { connection, storage, maxStorageBytes, statsbeat, timing, process } = settings
    this.#breaker = new CircuitBreaker(timing.backoffBase, timing.backoffMax)
    this.#converter = new Converter(connection, statsbeat, timing.compress)
    this.#transport = new Transport({
      connection,
      requestTimeout: timing.requestTimeout,
      parallel: timing.parallel + timing.parallelFromDisk,
      authorization: events.authorization
    })
    this.#storage = storage === undefined
      ? undefined
      : new Storage({
        directory: storage,
        maxBytes: maxStorageBytes,
        ...ownership,
        process,
        inherited: createSource(0, {}, inherited),
        sourceOf: id => this.#sources.get(id),
        notice: message => this.#notice(message)
      })
    this.#maintenance = setInterval(() => this.#maintain(), MAINTAIN_EVERY)
    this.#maintenance.unref()
  }

  open (id: number, resource: Record<string, unknown>, ledger: Ledger): void {
    this.#sources.set(id, createSource(id, resource, ledger))
  }

  take (id: number, sealed: string, counts: Counts, sequence: number): void {
    const source = this.#sources.get(id)
    if (source === undefined || this.#stopped) return
    this.#hasReleasedFiles = false
    source.unsettled += total(counts)
    this.#queue.push(createBatch(source, counts, { sealed, sequence }))
    if (this.#breaker.isTripped && itemsOf(this.#queue) > SPILL_ITEMS) this.#spill(0)
    this.#pump()
  }

  /**
   * Files of workers that are no more wait to be sent.
   */
  resume (): void {
    this.#pump()
  }

  /**
   * `done` is called when everything taken so far is settled, or cannot be for now, or time is over.
   * @param within milliseconds from now
   * @returns ends the waiting at once, as when time is over
   */
  settle (mode: Mode, within: number, id: number | undefined, done: () => void): () => void {
    const source = id === undefined ? undefined : this.#sources.get(id)
    // It has sent nothing, so there is nothing to wait for.
    if (this.#stopped || (id !== undefined && source === undefined)) {
      done()
      return () => {}
    }
    this.#probe()
    const waiter = this.#waiters.add(mode, within, source, this.#attempts, this.#breaker.isTripped, done, waiter => this.#expire(waiter))
    this.#pump()
    this.#checkWaiters()
    return () => this.#expire(waiter)
  }

  /** Puts all that is not yet sent on disk, at once; requests under way are abandoned. */
  spoolNow (source?: Source): void {
    const concerns = (each: Batch): boolean => source === undefined || each.source === source
    for (const batch of [...this.#inFlight].filter(concerns)) {
      batch.abandoned.abort()
      this.#inFlight.delete(batch)
      this.#store(batch, true)
    }
    if (this.#converting.length > 0 && concerns(this.#converting[0])) {
      const batches = this.#converting
      this.#converting = []
      for (const batch of batches) batch.abandoned.abort()
      this.#storeAll(batches, true)
    }
    this.#fromDisk = this.#storeMatching(this.#fromDisk, concerns, true)
    this.#ready = this.#storeMatching(this.#ready, concerns, true)
    this.#queue = this.#storeMatching(this.#queue, concerns, true)
  }

  /** The files are for whoever comes next. */
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
    clearTimeout(this.#timer)
    for (const waiter of this.#waiters) this.#waiters.finish(waiter)
    for (const batch of this.#inFlight) batch.abandoned.abort()
    this.#transport.close()
    this.#storage?.release()
  }

  #pump (): void {
    if (this.#stopped) return
    if (this.#breaker.pausedUntil > monotonic()) return this.#wake(this.#breaker.pausedUntil)
    this.#sendReady()
    // What is new goes first: one file that the endpoint chokes on must not keep all else waiting behind it.
    this.#convertNext()
    if (!this.#takeFromDisk()) return
    this.#sendReady()
    this.#convertNext()
  }

  /** After failures one request at a time tries. */
  get #limit (): number {
    return this.#breaker.isTripped ? 1 : this.#settings.timing.parallel
  }

  #sendReady (): void {
    const now = monotonic()
    for (let at = 0; at < this.#ready.length && this.#inFlight.size < this.#limit;) {
      if (this.#ready[at].notBefore > now) this.#wake(this.#ready[at++].notBefore)
      else this.#send(...this.#ready.splice(at, 1) as [Batch])
    }
  }

  /** @returns whether there is something new to send */
  #takeFromDisk (): boolean {
    const storage = this.#storage
    if (storage === undefined || this.#hasReleasedFiles) return false
    const { isTripped, hasSucceeded } = this.#breaker
    if (isTripped && this.#inFlight.size + this.#converting.length + this.#ready.length > 0) return false
    if (storage.readableAt > monotonic()) {
      this.#wake(storage.readableAt)
      return false
    }
    const { parallelFromDisk, claimEvery } = this.#settings.timing
    let taken = false
    while (storage.leases.size < (isTripped ? 1 : parallelFromDisk)) {
      const batch = storage.take(this.#waiters.isClosing, hasSucceeded && !isTripped ? claimEvery : undefined)
      if (batch === undefined) break
      taken = true
      if (batch.body === undefined) this.#fromDisk.push(batch)
      else this.#ready.push(batch)
    }
    return taken
  }

  #convertNext (): void {
    if (this.#converting.length > 0 || this.#ready.length >= READY_AHEAD || this.#inFlight.size >= this.#limit) return
    const now = monotonic()
    if (this.#fromDisk.length + this.#queue.length === 0) return
    const due = this.#fromDisk.length > 0 ? this.#convertAt : Math.max(this.#convertAt, this.#gathersUntil())
    if (due > now) return this.#wake(due)
    const batches = this.#fromDisk.length > 0 ? this.#fromDisk.splice(0, 1) : this.#gather()
    this.#convert(batches).catch(error => this.#reportInternalError(error))
  }

  #wake (at: number): void {
    const now = monotonic()
    if (this.#timerAt <= at && this.#timerAt > now) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity
      this.#guarded(() => this.#pump())
    }, Math.max(1, at - now))
    this.#timer.unref()
  }

  /** One large body costs less to make and to send than several small ones. */
  #gathersUntil (): number {
    if (this.#waiters.size > 0 || itemsOf(this.#queue) >= this.#settings.timing.chunk) return 0
    return this.#queue[0].since + this.#settings.timing.gather
  }

  /** From the queue, what goes into one conversion: of one source, and either claimed already or not. */
  #gather (): Batch[] {
    const [first] = this.#queue
    if (first.lease !== undefined) return this.#queue.splice(0, 1)
    let items = 0
    let count = 0
    for (const { source, lease, counts } of this.#queue) {
      items += total(counts)
      if (source !== first.source || lease !== undefined || (count > 0 && items > this.#settings.timing.chunk)) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  async #convert (batches: Batch[]): Promise<void> {
    this.#converting = batches
    const [{ resource, abandoned }] = batches
    const attempt = ++this.#attempts
    try {
      const { bodies, counts } = await this.#converter.bodies(batches.map(batch => batch.sealed).join('\n'), resource)
      this.#conversionFailures = 0
      if (!abandoned.signal.aborted && !this.#stopped) this.#converted(batches, bodies, counts)
    } catch (error) {
      if (abandoned.signal.aborted || this.#stopped) return
      if (error instanceof ExporterUnavailable) return this.#postpone(batches, error, attempt)
      this.#notice(`a batch could not be read: ${(error as Error).message}`)
      const whole = this.#claim(batches)
      if (whole !== undefined) this.#end(whole, whole.state === 'spooled' ? 'corrupt' : 'unmapped')
    } finally {
      if (this.#converting === batches) this.#converting = []
      this.#pump()
      this.#checkWaiters()
    }
  }

  #converted (batches: Batch[], bodies: Counted[], counts: Counts): void {
    const whole = this.#claim(batches)
    if (whole === undefined) return
    const { source, state, since, lease } = whole
    if (state === 'spooled' && !isSameCounts(counts, whole.counts)) return this.#end(whole, 'corrupt')
    // Bodies may hold fewer items than went in: what the exporter has no row for.
    const missing = [...whole.counts]
    for (const { counts } of bodies) for (let kind = 0; kind < missing.length; kind++) missing[kind] -= counts[kind]
    if (missing.some(count => count !== 0)) shift(source, missing, state, 'unmapped', lease)
    lease!.open += bodies.length
    for (const { body, counts } of bodies) this.#ready.push(createBatch(source, counts, { body }, { state, since, lease }))
    this.#leave(whole)
  }

  /** The exporter cannot be had: an outage of another kind. */
  #postpone (batches: Batch[], { message }: ExporterUnavailable, attempt: number): void {
    const now = monotonic()
    this.#notice(message)
    this.#breaker.recordFailure(now, undefined)
    this.#convertAt = now + this.#breaker.backoff(++this.#conversionFailures)
    if (batches[0].unchangedOnDisk) this.#putBack(batches[0], this.#convertAt)
    else this.#queue.unshift(...batches)
    if (this.#waiters.recordFailedAttempt(attempt)) this.#probe()
  }

  #send (batch: Batch): void {
    this.#inFlight.add(batch)
    if (batch.attempts++ > 0) batch.source.ledger.move(batch.counts, null, 'retried', 0)
    this.#move(batch, 'inFlight')
    const started = monotonic()
    const attempt = ++this.#attempts
    this.#transport.send(batch.body!, batch.abandoned.signal).then(outcome => {
      if (batch.abandoned.signal.aborted || this.#stopped) return
      this.#inFlight.delete(batch)
      this.#handleOutcome(batch, outcome, started, attempt)
      this.#pump()
      this.#checkWaiters()
    }).catch(error => this.#reportInternalError(error))
  }

  #handleOutcome (batch: Batch, outcome: Outcome, started: number, attempt: number): void {
    const isFirstUnsent = outcome.is === 'unsent' && !batch.wasUnsent
    batch.wasUnsent = outcome.is === 'unsent'
    if (isFirstUnsent || outcome.is === 'aborted') return this.#retry(batch, 0)
    if (outcome.is === 'failed' || outcome.is === 'unsent') {
      this.#failed(batch, outcome, started)
      // An attempt from before someone began to wait says nothing about now: another one is made at once.
      if (this.#waiters.recordFailedAttempt(attempt)) this.#probe()
      return
    }
    this.#breaker.recordSuccess(started)
    this.#handleAnswer(batch, answered(batch, outcome))
  }

  #failed (batch: Batch, outcome: Outcome & { is: 'failed' | 'unsent' }, started: number): void {
    this.#notice(outcome.message)
    const { retryAfter, warning } = outcome.is === 'failed' ? outcome : { retryAfter: undefined, warning: undefined }
    if (warning !== undefined && !this.#warned.has(warning)) {
      this.#warned.add(warning)
      this.#events.warn(warning)
    }
    this.#breaker.recordFailure(started, retryAfter)
    this.#retry(batch, Math.max(monotonic(), started + this.#breaker.backoff(batch.attempts)))
  }

  #handleAnswer (batch: Batch, { ended, again, urgent, retryAfter, message }: Answered): void {
    if (message !== '') this.#notice(message)
    const { source, state, since, attempts, lease } = batch
    for (const [reason, counts] of ended) shift(source, counts, state, reason, lease)
    const wait = retryAfter ?? this.#breaker.backoff(attempts)
    if (again.length > 0 && retryAfter !== undefined) this.#breaker.pause(retryAfter)
    lease!.open += again.length
    for (const { body, counts } of again) {
      const part = createBatch(source, counts, { body }, { state, since, attempts, lease, notBefore: urgent ? 0 : monotonic() + wait })
      this.#move(part, null)
      if (urgent) this.#ready.unshift(part)
      else this.#ready.push(part)
    }
    this.#leave(batch)
  }

  #retry (batch: Batch, notBefore: number): void {
    batch.notBefore = notBefore
    if (batch.unchangedOnDisk) return this.#putBack(batch, notBefore)
    this.#move(batch, null)
    this.#ready.unshift(batch)
  }

  /** To its file, which holds it still. */
  #putBack (batch: Batch, notBefore: number): void {
    this.#storage!.postpone(batch.lease!, notBefore)
    this.#leave(batch, true)
  }

  /** While the endpoint is away, memory is for the last moments only. */
  #spill (olderThan: number): void {
    if (this.#storage?.isWritable !== true) return
    const before = monotonic() - olderThan
    const isOld = (batch: Batch): boolean => batch.since <= before
    this.#ready = this.#storeMatching(this.#ready, isOld, false)
    this.#queue = this.#storeMatching(this.#queue, isOld, false)
  }

  /** @returns what stays: it does not match, or could not be stored */
  #storeMatching (batches: Batch[], matches: (batch: Batch) => boolean, last: boolean): Batch[] {
    return [...this.#storeAll(batches.filter(matches), last), ...batches.filter(each => !matches(each))]
  }

  /** Sealed batches of one source share a file. @returns what could not be stored */
  #storeAll (batches: Batch[], last: boolean): Batch[] {
    const left: Batch[] = []
    while (batches.length > 0) {
      const group = this.#fileful(batches)
      batches = batches.slice(group.length)
      const whole = this.#claim(group)
      if (whole !== undefined && !this.#store(whole, last)) left.push(whole)
    }
    return left
  }

  /** The first of them that go into one file: sealed, not claimed yet, and of one source. */
  #fileful ([first, ...others]: Batch[]): Batch[] {
    const group = [first]
    if (first.body !== undefined || first.lease !== undefined) return group
    const most = Math.min(SPILL_ITEMS, 4 * this.#settings.timing.chunk)
    let characters = first.sealed.length
    for (const batch of others) {
      if (batch.source !== first.source || batch.lease !== undefined || itemsOf(group) >= most || characters >= SPILL_CHARACTERS) break
      characters += batch.sealed.length
      group.push(batch)
    }
    return group
  }

  /** With `last`, what the disk will not have is lost. @returns whether it has ended */
  #store (batch: Batch, last: boolean): boolean {
    if (batch.unchangedOnDisk) {
      this.#leave(batch, true)
      return true
    }
    if (this.#storage?.write(batch) === true) this.#end(batch, 'spooled')
    else if (last) this.#end(batch, this.#storage === undefined ? 'closed' : 'storageFailed')
    else return false
    return true
  }

  /** Sealed batches become ours to send or to store, in one piece. @returns undefined where they are no longer ours */
  #claim (batches: Batch[]): Batch | undefined {
    const [first] = batches
    if (first.lease !== undefined) return first
    const sequences = batches.map(batch => batch.sequence)
    const id = ++this.#lastLease
    if (this.#events.claim(id, sequences)) return merge(batches, { id, sequences, file: undefined, open: 1 })
    // The main thread has lost patience with us, and stored them itself.
    first.source.unsettled -= itemsOf(batches)
    return undefined
  }

  #move (batch: Batch, to: 'inFlight' | null): void {
    if (batch.state === 'spooled') return
    shift(batch.source, batch.counts, batch.state, to, batch.lease)
    batch.state = to
  }

  #end (batch: Batch, how: Parameters<typeof shift>[3]): void {
    shift(batch.source, batch.counts, batch.state, how, batch.lease)
    this.#leave(batch)
  }

  /** With the last batch of it, what was taken in one piece is settled. */
  #leave (batch: Batch, keepFile = false): void {
    const lease = batch.lease as Lease
    batch.lease = undefined
    if (--lease.open > 0) return
    this.#storage?.settle(lease, keepFile)
    this.#events.settled(lease.id)
  }

  #maintain (): void {
    this.#guarded(() => {
      this.#storage?.heartbeat()
      if (this.#breaker.isTripped || this.#breaker.state === 'open') this.#spill(this.#settings.timing.spillAfter)
      this.#pump()
      this.#checkWaiters()
    })
  }

  /** Someone waits: what is put off is tried at once. */
  #probe (): void {
    if (!this.#breaker.probe()) return
    this.#convertAt = 0
    if (this.#storage !== undefined) this.#storage.readableAt = 0
    for (const batch of this.#ready) {
      batch.notBefore = 0
      batch.attempts = Math.min(batch.attempts, 1)
    }
  }

  #checkWaiters (): void {
    for (const waiter of this.#waiters) {
      if (this.#isIdle(waiter)) this.#waiters.finish(waiter)
      else if (this.#shouldGiveUp(waiter)) this.#expire(waiter)
    }
  }

  #isIdle ({ mode, source }: Waiter): boolean {
    const sources = source === undefined ? [...this.#sources.values()] : [source]
    if (sources.some(each => each.unsettled > 0)) return false
    // A file on its way must not be handed on: it would be sent twice.
    if (mode !== 'flush' && source === undefined && this.#storage !== undefined && this.#storage.leases.size > 0) return false
    // A process that ends well uses its time to empty the disk too.
    return mode === 'drain' || this.#breaker.isTripped || !sources.some(each => each.ledger.sum('spooled') > 0)
  }

  /** To go on waiting helps nobody: what is left can be stored, or cannot be sent in time. */
  #shouldGiveUp ({ mode, failuresLeft, deadline }: Waiter): boolean {
    const mustWait = this.#breaker.isRetryAfter && this.#inFlight.size === 0
    if (failuresLeft > 0 && !mustWait) return false
    return mode === 'flush' || this.#storage?.isUsable === true || (mustWait && this.#breaker.pausedUntil >= deadline)
  }

  #expire (waiter: Waiter): void {
    if (!this.#waiters.has(waiter)) return
    this.#guarded(() => {
      if (waiter.mode !== 'flush') this.spoolNow(waiter.source)
      else if (this.#breaker.isTripped) this.#spill(0)
    })
    // Whoever waits takes it for stored.
    this.#waiters.finish(waiter)
  }

  #notice (message: string): void {
    const now = monotonic()
    if (message === this.#lastNotice.message && now - this.#lastNotice.at < REPEAT_NOTICE_AFTER) return
    this.#lastNotice = { message, at: now }
    // What a service says may repeat the key.
    this.#events.notice(message.replaceAll(this.#settings.connection.instrumentationKey, '[key]'))
  }

  #guarded (work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#reportInternalError(error)
    }
  }

  /** A mistake of ours must not end the app in whose process we may be. */
  #reportInternalError (error: unknown): void {
    this.#notice(`internal error: ${(error as Error).message}`)
  }
}

function itemsOf (batches: Batch[]): number {
  let items = 0
  for (const { counts } of batches) items += total(counts)
  return items
}
