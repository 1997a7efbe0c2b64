/** Sealed batches → bodies → the endpoint, by way of the disk where it is away. The same in a worker thread and without one. */
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources'
import type { Connection } from '../../options/connection-string'
import { bodiesOf, bodyOf, countEnvelopes, envelopesOf, kindOf, type Counted, type Envelope } from './bodies'
import { loadExporters, type Exporters } from './exporters'
import { Health, STRIKES } from './circuit-breaker'
import { compress, expand, Spool, unknownCounts, whyUnwritable, type SpoolFile } from '../spool'
import { Account, add, countsOf, total, type Counts, type Reason, type State } from '../counters'
import { Transport, type Body, type Outcome } from '../http/transport'
import { emptyUnpacked, unpack, type Unpacked } from './unpack'

export interface PipelineSettings {
  connection: Connection
  /** The directory itself. Undefined: nothing is kept on disk. */
  storage: string | undefined
  maxStorageBytes: number
  statsbeat: boolean
  timing: Timing
}

/** In milliseconds and counts. Not public: tests shorten them. */
export interface Timing {
  requestTimeout: number
  backoffBase: number
  backoffMax: number
  /** How long an item stays in memory only, while the endpoint is away. */
  spillAfter: number
  parallel: number
  parallelFromDisk: number
  /** Items in one body. */
  chunk: number
  /** How long a batch waits for others to fill a body with. */
  gather: number
  /** How often to look for what other processes left behind. */
  claimEvery: number
  compress: boolean
}

/** flush waits; close and drain put what could not be sent on disk. */
export type Mode = 'flush' | 'close' | 'drain'

export interface PipelineEvents {
  notice: (message: string) => void
  authorization: ((renew: boolean) => Promise<string>) | undefined
  /** Asked before batches are sent or stored. No: someone else has stored it meanwhile. */
  claim: ((sequences: number[]) => boolean) | undefined
}

interface Source { account: Account, resource: Resource, live: number }

/** What moves through the pipeline: a sealed batch, then one or more bodies. */
interface Load {
  source: Source
  counts: Counts
  state: State | null
  sealed: string
  /** Of a sealed batch, the order in which it came. */
  sequence: number
  body: Body | undefined
  since: number
  attempts: number
  notBefore: number
  /** The file it came from, which stays until all that came from it is settled. */
  use: FileUse | undefined
  /** Exactly what the file holds, so that nothing need be written to put it back. */
  pristine: boolean
  /** Put on disk, while a request or a conversion was still at work on it. */
  gone: boolean
}

interface FileUse { file: SpoolFile, loads: number }

interface Wait {
  mode: Mode
  source: Source | undefined
  /** Attempts up to this one were made before anyone waited. */
  since: number
  /** How many later ones may fail. */
  patience: number
  deadline: number
  timer: NodeJS.Timeout
  done: () => void
}

const READY_AHEAD = 4
const SPILL_ITEMS = 2_000
const HOUSEKEEPING = 1_000
const DISK_REST = 10_000
const NOTICE_AGAIN = 1_000
const SPILL_CHARACTERS = 4 * 1024 * 1024

export class Pipeline {
  readonly #settings: PipelineSettings
  readonly #notice: (message: string) => void
  readonly #claim: ((sequences: number[]) => boolean) | undefined
  readonly #transport: Transport
  readonly #health: Health
  readonly #spool: Spool | undefined
  readonly #sources = new Map<number, Source>()
  readonly #inherited: Source
  readonly #owners = new Map<string, Source>()
  readonly #uses = new Map<string, FileUse>()
  readonly #air = new Set<Load>()
  readonly #convertingFiles = new Set<Load>()
  readonly #waits = new Set<Wait>()
  #queue: Load[] = []
  #converting: Load[] = []
  #ready: Load[] = []
  #exporters: Exporters | undefined
  #housekeeping: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Infinity

  #attempts = 0
  #nextClaim = 0
  #diskReadableAt = 0
  #diskWritableAt = 0
  /** The files have been handed on: none is touched until there is something new to send. */
  #resting = false
  #stopped = false

  constructor (settings: PipelineSettings, inherited: Account, events: PipelineEvents) {
    this.#settings = settings
    // What a service says may repeat the key.
    this.#claim = events.claim
    let last = ''
    let lastAt = 0
    this.#notice = message => {
      if (message === last && Date.now() - lastAt < NOTICE_AGAIN) return
      last = message
      lastAt = Date.now()
      events.notice(message.replaceAll(settings.connection.instrumentationKey, '[key]'))
    }
    this.#health = new Health(settings.timing.backoffBase, settings.timing.backoffMax)
    this.#inherited = { account: inherited, resource: resourceFromAttributes({}), live: 0 }
    this.#transport = new Transport({
      connection: settings.connection,
      requestTimeout: settings.timing.requestTimeout,
      parallel: settings.timing.parallel + settings.timing.parallelFromDisk,
      authorization: events.authorization
    })
    this.#spool = settings.storage === undefined
      ? undefined
      : new Spool(settings.storage, settings.maxStorageBytes, file => this.#uses.has(file.name), (file, why) => this.#gone(file, why))
    this.#housekeeping = setInterval(() => this.#keepHouse(), HOUSEKEEPING)
    this.#housekeeping.unref()
  }

  open (id: number, resource: Record<string, unknown>, account: Account): void {
    this.#sources.set(id, { account, resource: resourceFromAttributes(resource as Resource['attributes']), live: 0 })
  }

  take (id: number, sealed: string, counts: Counts, sequence: number): void {
    const source = this.#sources.get(id)
    if (source === undefined || this.#stopped) return
    this.#resting = false
    source.live += total(counts)
    this.#queue.push({ ...load(source, counts, sealed, undefined), sequence })
    if (this.#health.isDown && this.#queued() > SPILL_ITEMS) this.#spill(0)
    this.#pump()
  }

  /** Resolves when everything taken so far is settled, or cannot be for now, or `deadline` is over. */
  settle (mode: Mode, deadline: number, id?: number): Promise<void> {
    const source = id === undefined ? undefined : this.#sources.get(id)
    // It has sent nothing, so there is nothing to wait for.
    if (id !== undefined && source === undefined) return Promise.resolve()
    this.#nudge()
    return new Promise(resolve => {
      const wait: Wait = {
        mode,
        source,
        since: this.#attempts,
        patience: this.#health.isDown ? 1 : STRIKES,
        deadline,
        timer: setTimeout(() => this.#expire(wait), Math.max(0, deadline - Date.now())),
        done: resolve
      }
      this.#waits.add(wait)
      this.#pump()
      this.#check()
    })
  }

  /** Someone waits. */
  #nudge (): void {
    if (!this.#health.nudge()) return
    for (const each of this.#ready) {
      each.notBefore = 0
      each.attempts = Math.min(each.attempts, 1)
    }
  }

  /** Puts all that is not yet sent on disk, at once; requests under way are given up. */
  spoolNow (source?: Source): void {
    const concerns = (each: Load): boolean => source === undefined || each.source === source
    for (const each of [...this.#air]) {
      if (!concerns(each)) continue
      each.gone = true
      this.#air.delete(each)
      this.#transport.abort(each)
      this.#store([each], true)
    }
    if (this.#converting.length > 0 && concerns(this.#converting[0])) {
      const batch = this.#converting
      for (const each of batch) each.gone = true
      this.#converting = []
      this.#store(batch, true)
    }
    for (const each of [...this.#convertingFiles]) {
      if (!concerns(each)) continue
      // It is on disk as it is.
      each.gone = true
      this.#convertingFiles.delete(each)
      this.#uses.delete(each.use!.file.name)
    }
    const ready = this.#ready.filter(concerns)
    this.#ready = this.#ready.filter(each => !concerns(each))
    for (const each of ready) this.#store([each], true)
    const queue = this.#queue.filter(concerns)
    this.#queue = this.#queue.filter(each => !concerns(each))
    this.#storeMerged(queue, true)
  }

  /** The files are for whoever comes next. */
  releaseFiles (): void {
    this.#resting = true
    this.#spool?.release()
  }

  close (id: number): void {
    this.#sources.delete(id)
  }

  stop (): void {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#housekeeping)
    clearTimeout(this.#timer)
    for (const wait of this.#waits) this.#finish(wait)
    this.#transport.close()
    this.#spool?.release()
  }

  #pump (): void {
    if (this.#stopped) return
    const now = Date.now()
    if (now < this.#health.pausedUntil) return this.#wake(this.#health.pausedUntil)
    const down = this.#health.isDown
    const limit = down ? 1 : this.#settings.timing.parallel

    for (let at = 0; at < this.#ready.length && this.#air.size < limit;) {
      const next = this.#ready[at]
      if (next.notBefore > now) {
        this.#wake(next.notBefore)
        at++
        continue
      }
      this.#ready.splice(at, 1)
      this.#send(next)
    }
    if (this.#converting.length === 0 && this.#queue.length > 0 && this.#ready.length < READY_AHEAD && this.#air.size < limit) {
      const due = this.#gathersUntil()
      if (due > now) this.#wake(due)
      else this.#convert().catch(error => this.#stumbled(error))
    }
    if (this.#spool === undefined || this.#resting) return
    if (down && (this.#air.size > 0 || this.#converting.length > 0 || this.#ready.length > 0)) return
    const fromDisk = down ? 1 : this.#settings.timing.parallelFromDisk
    while (this.#uses.size < fromDisk && this.#takeFromDisk()) {
      // One after the other, oldest first.
    }
  }

  #wake (at: number): void {
    if (this.#timerAt <= at && this.#timerAt > Date.now()) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity
      try {
        this.#pump()
      } catch (error) {
        this.#stumbled(error)
      }
    }, Math.max(1, at - Date.now()))
    this.#timer.unref()
  }

  /** One large body costs less to make and to send than several small ones. */
  #gathersUntil (): number {
    if (this.#waits.size > 0) return 0
    let items = 0
    for (const each of this.#queue) {
      items += total(each.counts)
      if (items >= this.#settings.timing.chunk) return 0
    }
    return this.#queue[0].since + this.#settings.timing.gather
  }

  async #convert (): Promise<void> {
    const batch: Load[] = []
    const { source } = this.#queue[0]
    let items = 0
    while (this.#queue.length > 0 && this.#queue[0].source === source && (items === 0 || items + total(this.#queue[0].counts) <= this.#settings.timing.chunk)) {
      const next = this.#queue.shift()!
      items += total(next.counts)
      batch.push(next)
    }
    this.#converting = batch
    try {
      const unpacked = emptyUnpacked()
      for (const each of batch) unpack(each.sealed, source.resource, unpacked)
      const bodies = await this.#bodies(unpacked)
      if (batch[0].gone || !this.#isOurs(batch)) return
      const expected = countsOf()
      for (const each of batch) add(expected, each.counts)
      this.#ready.push(...this.#loadsOf(source, bodies, expected, null, undefined, batch[0].since))
    } catch (error) {
      if (!batch[0].gone && this.#isOurs(batch)) {
        for (const each of batch) this.#move(each, 'unmapped')
        this.#notice(`a batch could not be read: ${(error as Error).message}`)
      }
    } finally {
      if (!batch[0].gone) this.#converting = []
      this.#pump()
      this.#check()
    }
  }

  async #bodies (unpacked: Unpacked): Promise<Counted[]> {
    const { connection, statsbeat, timing } = this.#settings
    this.#exporters ??= loadExporters(connection, statsbeat)
    return bodiesOf(unpacked, this.#exporters, timing.compress)
  }

  /** Bodies may hold fewer items than went in: what the exporter has no row for. */
  #loadsOf (source: Source, bodies: Counted[], expected: Counts, state: State | null, use: FileUse | undefined, since: number): Load[] {
    const missing = [...expected]
    for (const { counts } of bodies) for (let kind = 0; kind < missing.length; kind++) missing[kind] -= counts[kind]
    if (missing.some(count => count !== 0)) this.#shift(source, missing, state, 'unmapped')
    return bodies.map(({ body, counts }) => {
      const made = load(source, counts, '', body)
      made.state = state
      made.since = since
      made.use = use
      if (use !== undefined) use.loads++
      return made
    })
  }

  #send (load: Load): void {
    this.#air.add(load)
    if (load.attempts++ > 0) load.source.account.move(load.counts, null, 'retried')
    this.#move(load, 'inFlight')
    const started = Date.now()
    const attempt = ++this.#attempts
    this.#transport.send(load, load.body!).then(outcome => {
      if (load.gone || this.#stopped) return
      this.#air.delete(load)
      this.#landed(load, outcome, started)
      if (outcome.is === 'failed') this.#disappoint(attempt)
      this.#pump()
      this.#check()
    }).catch(error => this.#stumbled(error))
  }

  #landed (load: Load, outcome: Outcome, started: number): void {
    if (outcome.is === 'failed') return this.#failed(load, outcome.message, outcome.retryAfter, started)
    if (outcome.is === 'aborted') return this.#again(load)
    this.#health.answered(started)
    switch (outcome.is) {
      case 'accepted':
        return this.#move(load, 'delivered')
      case 'refused':
        this.#notice(`${total(load.counts)} items refused: ${outcome.message}`)
        return this.#move(load, outcome.reason)
      case 'tooLarge':
        return this.#halve(load, outcome.message)
      case 'partial':
        if (outcome.message !== '') this.#notice(outcome.message)
        return this.#partly(load, outcome)
    }
  }

  /** 206: some are in, some never will be, and the others go again alone. */
  #partly (load: Load, outcome: Outcome & { is: 'partial' }): void {
    const envelopes = envelopesOf(load.body!)
    const left = [...load.counts]
    const take = (indexes: number[]): Counts => {
      const counts = countsOf()
      for (const index of indexes) {
        const kind = envelopes[index] === undefined ? undefined : kindOf(envelopes[index])
        if (kind === undefined || left[kind] === 0) continue
        counts[kind]++
        left[kind]--
      }
      return counts
    }
    for (const { index, reason } of outcome.refused) this.#shift(load.source, take([index]), 'inFlight', reason)
    const again = [...new Set(outcome.again)].filter(index => envelopes[index] !== undefined)
    const retry = take(again)
    this.#shift(load.source, left, 'inFlight', 'delivered')
    if (total(retry) > 0) {
      const next = this.#part(load, again.map(index => envelopes[index]), retry)
      const wait = outcome.retryAfter ?? this.#health.backoff(load.attempts)
      next.notBefore = Date.now() + wait
      if (outcome.retryAfter !== undefined) this.#health.pause(next.notBefore)
      this.#ready.push(next)
    }
    load.counts = countsOf()
    this.#free(load)
  }

  #halve (load: Load, message: string): void {
    const envelopes = envelopesOf(load.body!)
    if (envelopes.length < 2) {
      this.#notice(`an item was refused: ${message}`)
      return this.#move(load, 'tooLarge')
    }
    const middle = envelopes.length >> 1
    for (const half of [envelopes.slice(0, middle), envelopes.slice(middle)]) {
      this.#ready.unshift(this.#part(load, half, countEnvelopes(half)))
    }
    load.counts = countsOf()
    this.#free(load)
  }

  #part (whole: Load, envelopes: Envelope[], counts: Counts): Load {
    const part = load(whole.source, counts, '', bodyOf(envelopes, whole.body!.gzip))
    part.since = whole.since
    part.attempts = whole.attempts
    part.use = whole.use
    if (part.use !== undefined) part.use.loads++
    this.#shift(whole.source, counts, whole.state, null)
    return part
  }

  #failed (load: Load, message: string, retryAfter: number | undefined, started: number): void {
    this.#notice(message)
    this.#health.failed(started, retryAfter)
    load.notBefore = Math.max(Date.now(), started + this.#health.backoff(load.attempts))
    this.#again(load)
  }

  /** An attempt from before someone began to wait says nothing about now: another one is made at once. */
  #disappoint (attempt: number): void {
    let isOld = false
    for (const wait of this.#waits) {
      if (attempt > wait.since) wait.patience--
      else isOld = true
    }
    if (isOld) this.#nudge()
  }

  #again (load: Load): void {
    if (load.pristine) {
      this.#diskReadableAt = load.notBefore
      return this.#move(load, 'spooled')
    }
    this.#move(load, null)
    this.#ready.unshift(load)
  }

  #takeFromDisk (): boolean {
    if (Date.now() < this.#diskReadableAt) {
      this.#wake(this.#diskReadableAt)
      return false
    }
    const spool = this.#spool!
    const ending = this.#isEnding()
    let file = spool.files.find(each => !this.#uses.has(each.name) && (!ending || (this.#owners.get(each.name) ?? this.#inherited) !== this.#inherited))
    if (file === undefined && !ending && this.#health.proven && !this.#health.isDown && Date.now() >= this.#nextClaim) {
      file = spool.claim()
      if (file === undefined) this.#nextClaim = Date.now() + this.#settings.timing.claimEvery
    }
    if (file === undefined) return false
    const parcel = spool.read(file)
    const source = this.#owners.get(file.name) ?? this.#inherited
    if (parcel === undefined || parcel === null) {
      this.#gone(file, parcel === null ? 'corrupt' : 'takenOver')
      spool.remove(file)
      if (parcel === null) this.#notice(`a file with ${file.items} items was damaged`)
      return true
    }
    if (!this.#owners.has(file.name)) {
      this.#owners.set(file.name, source)
      source.account.move(parcel.counts, null, 'spooled')
    }
    const use: FileUse = { file, loads: 1 }
    this.#uses.set(file.name, use)
    const whole = load(source, parcel.counts, '', undefined)
    whole.state = 'spooled'
    whole.use = use
    whole.pristine = true
    if (parcel.form === 'body') {
      whole.body = { data: parcel.data, gzip: true }
      this.#send(whole)
    } else {
      this.#convertFile(whole, expand(parcel.data).toString(), resourceFromAttributes((parcel.resource ?? {}) as Resource['attributes'])).catch(error => this.#stumbled(error))
    }
    return true
  }

  async #convertFile (whole: Load, text: string, resource: Resource): Promise<void> {
    this.#convertingFiles.add(whole)
    try {
      const unpacked = emptyUnpacked()
      for (const sealed of text.split('\n')) unpack(sealed, resource, unpacked)
      const bodies = await this.#bodies(unpacked)
      if (this.#stopped || whole.gone) return
      const loads = this.#loadsOf(whole.source, bodies, whole.counts, 'spooled', whole.use, whole.since)
      for (const each of loads) this.#move(each, null)
      this.#ready.push(...loads)
      whole.counts = countsOf()
      this.#free(whole)
    } catch {
      if (whole.gone) return
      whole.pristine = false
      this.#move(whole, 'corrupt')
    } finally {
      this.#convertingFiles.delete(whole)
    }
    this.#pump()
    this.#check()
  }

  /** While the endpoint is away, memory is for the last moments only. */
  #spill (olderThan: number): void {
    if (!this.#mayStore()) return
    const before = Date.now() - olderThan
    const ready = this.#ready.filter(each => each.since <= before)
    this.#ready = this.#ready.filter(each => each.since > before)
    for (const each of ready) if (!this.#store([each], false)) this.#ready.push(each)
    const queue = this.#queue.filter(each => each.since <= before)
    this.#queue = this.#queue.filter(each => each.since > before)
    this.#queue.unshift(...this.#storeMerged(queue, false))
  }

  /** Returns what could not be stored. */
  #storeMerged (loads: Load[], last: boolean): Load[] {
    const left: Load[] = []
    for (let at = 0; at < loads.length;) {
      const group: Load[] = []
      let items = 0
      let characters = 0
      const most = Math.min(SPILL_ITEMS, 4 * this.#settings.timing.chunk)
      while (at < loads.length && (group.length === 0 || (loads[at].source === group[0].source && items < most && characters < SPILL_CHARACTERS))) {
        characters += loads[at].sealed.length
        items += total(loads[at].counts)
        group.push(loads[at++])
      }
      if (!this.#store(group, last)) left.push(...group)
    }
    return left
  }

  /** One body, or several sealed batches of one source, → one file. With `last`, what the disk will not have is lost. */
  #store (group: Load[], last: boolean): boolean {
    const [first] = group
    if (first.pristine) {
      this.#move(first, 'spooled')
      return true
    }
    if (first.body === undefined && !this.#isOurs(group)) return true
    const counts = countsOf()
    for (const each of group) add(counts, each.counts)
    try {
      if (this.#spool === undefined) throw new Error('there is no storage directory')
      const file = this.#spool.write(first.body === undefined
        ? { form: 'packed', data: compress(group.map(each => each.sealed).join('\n')), counts, resource: first.source.resource.attributes }
        : { form: 'body', data: first.body.gzip ? first.body.data : compress(first.body.data), counts })
      this.#owners.set(file.name, first.source)
      for (const each of group) this.#move(each, 'spooled')
      return true
    } catch (error) {
      this.#diskWritableAt = Date.now() + DISK_REST
      if (last) for (const each of group) this.#move(each, this.#spool === undefined ? 'closed' : 'storageFailed')
      if (this.#spool !== undefined) this.#notice(`cannot store: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`)
      return false
    }
  }

  /** A file is no more: given up for room or age, taken, or damaged. */
  #gone (file: SpoolFile, why: Reason): void {
    const source = this.#owners.get(file.name)
    this.#owners.delete(file.name)
    if (source !== undefined && file.counts !== undefined) source.account.move(file.counts, 'spooled', why)
    else this.#inherited.account.move(file.counts ?? unknownCounts(file.items), null, why)
  }

  /** The main thread may have lost patience with us, and stored these itself. */
  #isOurs (batch: Load[]): boolean {
    if (this.#claim === undefined || this.#claim(batch.map(each => each.sequence))) return true
    for (const each of batch) each.source.live -= total(each.counts)
    return false
  }

  #keepHouse (): void {
    try {
      this.#spool?.heartbeat()
      if (this.#health.isDown || this.#health.pausedUntil > Date.now()) this.#spill(this.#settings.timing.spillAfter)
      this.#pump()
      this.#check()
    } catch (error) {
      this.#stumbled(error)
    }
  }

  /** A mistake of ours must not end the app in whose process we may be. */
  #stumbled (error: unknown): void {
    this.#notice(`internal error: ${(error as Error).message}`)
  }

  #move (load: Load, to: State | null): void {
    this.#shift(load.source, load.counts, load.state, to)
    load.state = to
    if (to !== null && to !== 'inFlight') this.#free(load)
  }

  #shift (source: Source, counts: Counts, from: State | null, to: State | null): void {
    source.account.move(counts, from, to)
    const items = total(counts)
    if (from === null || from === 'inFlight') source.live -= items
    if (to === null || to === 'inFlight') source.live += items
  }

  /** A file goes when the last of its items is settled, unless they are all back on it. */
  #free (load: Load): void {
    const { use } = load
    if (use === undefined) return
    load.use = undefined
    const back = load.pristine && load.state === 'spooled' && total(load.counts) > 0
    if (--use.loads > 0) return
    this.#uses.delete(use.file.name)
    if (back) return
    this.#owners.delete(use.file.name)
    this.#spool!.remove(use.file)
  }

  #queued (): number {
    let items = 0
    for (const each of this.#queue) items += total(each.counts)
    return items
  }

  #check (): void {
    for (const wait of this.#waits) {
      if (this.#isIdle(wait)) this.#finish(wait)
      else if (this.#isVain(wait)) this.#expire(wait)
    }
  }

  /** To go on waiting helps nobody: what is left can be stored, or cannot be sent in time. */
  #isVain ({ mode, patience, deadline }: Wait): boolean {
    const isTold = this.#health.isTold && this.#air.size === 0
    if (patience > 0 && !isTold) return false
    return mode === 'flush' || this.#canStore() || (isTold && this.#health.pausedUntil >= deadline)
  }

  /** There is a disk, and it has not just refused something. */
  #mayStore (): boolean {
    return this.#spool !== undefined && Date.now() >= this.#diskWritableAt
  }

  #canStore (): boolean {
    return this.#mayStore() && whyUnwritable(this.#settings.storage!) === undefined
  }

  /** The time left is for what is ours. */
  #isEnding (): boolean {
    for (const wait of this.#waits) if (wait.mode !== 'flush' && wait.source === undefined) return true
    return false
  }

  #isIdle ({ mode, source }: Wait): boolean {
    const sources = source === undefined ? [...this.#sources.values()] : [source]
    if (sources.some(each => each.live > 0)) return false
    // A file on its way must not be handed on: it would be sent twice.
    if (mode !== 'flush' && source === undefined && this.#uses.size > 0) return false
    // A process that ends well uses its time to empty the disk too.
    return mode === 'drain' || this.#health.isDown || !sources.some(each => each.account.sum('spooled') > 0)
  }

  #expire (wait: Wait): void {
    if (!this.#waits.has(wait)) return
    if (wait.mode !== 'flush') this.spoolNow(wait.source)
    else if (this.#health.isDown) this.#spill(0)
    this.#finish(wait)
  }

  #finish (wait: Wait): void {
    this.#waits.delete(wait)
    clearTimeout(wait.timer)
    wait.done()
  }
}

function load (source: Source, counts: Counts, sealed: string, body: Body | undefined): Load {
  return { source, counts, state: null, sealed, sequence: 0, body, since: Date.now(), attempts: 0, notBefore: 0, use: undefined, pristine: false, gone: false }
}
