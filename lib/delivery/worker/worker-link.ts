/** The pipeline in a worker thread, started when there is something to send, and replaced if it dies. */
import { existsSync } from 'node:fs'
import { atMost, clearTimeout, monotonic, setTimeout } from '../../clock'
import { Counters, type Counts } from '../counters'
import type { Mode } from '../pipeline'
import { LOCAL_TIMING } from '../timing'
import { askCredential, type Client, type Link, type LinkSettings, type Sealed } from './link'
import { LocalLink } from './local-link'
import { WORKER_FILE, WorkerSession } from './session'
import { storeSealed } from './store'

// All of these are in milliseconds.
/** Test suites create one app after another, and each would wait for the exporter to load again. */
const KEEP_IDLE_WORKER = 1_000
/** How long a worker may take after `expire`: enough to write what is in memory to disk. */
const EXPIRE_GRACE = 250
/** For a file that is being written at that moment. */
const WRITE_GRACE = 100
/** A thread that is still loading takes a while to end, and close() can't wait for it. */
const QUIT_GRACE = 100
/** The pause before a dead worker is replaced. Doubles each time. */
const RESTART_BASE = 100
const RESTART_MAX = 60_000

/** The share of drain()'s time after which the main thread itself stores what the worker hasn't claimed. */
const RECLAIM_AT = 0.85
/** After this many workers in a row die before starting, assume that none can start. */
const MAX_FAILED_STARTS = 2
/** After this many workers in a row die without sending or storing anything, the rows may be the cause: the oldest is dropped. */
const MAX_FAILED_RUNS = 5

export class WorkerLink implements Link {
  readonly inherited = new Counters()
  readonly #settings: LinkSettings
  readonly #clients: Map<number, Client>
  #session: WorkerSession | undefined
  /** Workers that were reclaimed from, and are still working on what they had claimed. */
  readonly #abandoned = new Set<WorkerSession>()
  /** Kept for the next worker. */
  #waiting: Sealed[] = []
  /** Dead workers whose files nobody has taken over. */
  #predecessors: string[] = []
  #failedStarts = 0
  #failedRuns = 0
  #restart: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined
  #isDrained = false
  /** Set if a drain() ran out of time: becomes 1 once the worker has stored what it had claimed. */
  #unfinishedDrain: Int32Array | undefined
  /** Used if no worker can be started, for example if a bundle lacks the file. */
  #fallback: LocalLink | undefined

  constructor (settings: LinkSettings, clients: Map<number, Client>) {
    this.#settings = settings
    this.#clients = clients
  }

  take (id: number, sealed: string, counts: Counts): void {
    if (this.#fallback !== undefined) return this.#fallback.take(id, sealed, counts)
    if (!this.#clients.has(id)) return
    this.#isDrained = false
    clearTimeout(this.#idle)
    const batch: Sealed = { id, sealed, counts }
    if (this.#session !== undefined) return this.#session.take(batch)
    this.#waiting.push(batch)
    if (this.#restart === undefined) this.#start()
  }

  watch (id: number, isOn: boolean): void {
    if (this.#fallback !== undefined) return this.#fallback.watch(id, isOn)
    if (!isOn) return this.#session?.unwatch(id)
    if (this.#session !== undefined || this.#restart !== undefined || this.#start()) this.#session?.open(id)
  }

  async settle (mode: Mode, timeout: number, id: number | undefined): Promise<void> {
    const deadline = monotonic() + timeout
    for (let tries = 0; ; tries++) {
      const left = deadline - monotonic()
      if (this.#fallback !== undefined) return await this.#fallback.settle(mode, left, id)
      if (left <= 0 && tries > 0) return
      if (this.#session === undefined && this.#hasWork() && !this.#start()) continue
      if (this.#session === undefined || await this.#settleSession(this.#session, mode, left, id)) return
      // The worker died; its successor continues.
      await atMost(new Promise(() => {}), Math.min(Math.max(0, deadline - monotonic()), restartPause(tries)))
    }
  }

  /** @returns false if the worker died meanwhile */
  #settleSession (session: WorkerSession, mode: Mode, timeout: number, id: number | undefined): Promise<boolean> {
    return new Promise(resolve => {
      const isLast = mode === 'close' && id === undefined
      const done = (isDone: boolean): void => {
        clearTimeout(timer)
        resolve(isDone)
      }
      const request = session.settle(mode, timeout, id, isLast, undefined, done)
      // A stuck worker must not hold anyone up.
      let timer = setTimeout(() => {
        session.expire(request)
        timer = setTimeout(() => {
          if (isLast) this.#reclaim(session)
          if (!isLast || !session.isAtWork) return done(true)
          timer = setTimeout(() => {
            this.#giveUp(session)
            done(true)
          }, WRITE_GRACE)
        }, EXPIRE_GRACE)
      }, Math.max(0, timeout))
    })
  }

  drain (timeout: number, last: boolean): void {
    if (this.#fallback !== undefined) return this.#fallback.drain(timeout, last)
    const deadline = monotonic() + timeout
    const left = (share = 1): number => Math.max(0, deadline - timeout * (1 - share) - monotonic())
    // The last call ran out of time, so the worker may still be storing what it had claimed.
    if (this.#unfinishedDrain !== undefined) Atomics.wait(this.#unfinishedDrain, 0, 0, left())
    this.#unfinishedDrain = undefined
    if (this.#session === undefined && this.#waiting.length > 0 && !this.#start()) return this.drain(left(), last)
    const session = this.#session
    if (session === undefined || (this.#isDrained && !last)) return
    // Half of the time is for the endpoint, the rest for the disk, if there is one.
    const forSending = this.#settings.storage === undefined ? timeout - Math.min(100, timeout / 10) : timeout / 2
    const flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const isDone = (milliseconds: number): boolean => Atomics.wait(flag, 0, 0, milliseconds) !== 'timed-out'
    const request = session.settle('drain', forSending, undefined, last, flag.buffer as SharedArrayBuffer, () => {})
    this.#isDrained = isDone(Math.min(forSending, left(RECLAIM_AT)))
    if (!this.#isDrained) {
      session.expire(request)
      this.#isDrained = isDone(left(RECLAIM_AT))
    }
    if (!this.#isDrained) {
      this.#reclaim(session)
      // What the worker has claimed, it must store itself.
      if (!isDone(left())) {
        if (last) this.#giveUp(session)
        else this.#unfinishedDrain = flag
      }
    }
    session.poll()
  }

  poll (): void {
    this.#session?.poll()
  }

  async release (id: number): Promise<void> {
    if (this.#fallback !== undefined) return await this.#fallback.release(id)
    this.#session?.close(id)
    this.#waiting = this.#waiting.filter(batch => batch.id !== id)
    if (this.#clients.size > 0) return
    clearTimeout(this.#restart)
    this.#restart = undefined
    await atMost(Promise.all([...this.#abandoned].map(async session => await session.quit())), QUIT_GRACE)
    this.#idle = setTimeout(() => this.#quitIdle(), KEEP_IDLE_WORKER)
    this.#idle.unref()
  }

  #quitIdle (): void {
    const session = this.#session
    if (session === undefined || this.#clients.size > 0) return
    this.#session = undefined
    session.quit().catch(() => {})
  }

  #hasWork (): boolean {
    return this.#waiting.length > 0 || [...this.#clients.values()].some(client => client.counters.sum('spooled') > 0)
  }

  /** Starts a worker with everything that is waiting. @returns false if it can't, and the main thread sends from now on */
  #start (): boolean {
    clearTimeout(this.#restart)
    this.#restart = undefined
    if (WORKER_FILE === undefined || !existsSync(WORKER_FILE)) return this.#fallBack('its file is not where it should be, as in a bundle')
    const { worker: _, credential, ...settings } = this.#settings
    let session: WorkerSession
    try {
      session = new WorkerSession(settings, this.#predecessors, credential !== undefined, {
        clients: this.#clients,
        inherited: this.inherited,
        started: () => {
          this.#failedStarts = 0
          this.#predecessors = []
        },
        progressed: () => { this.#failedRuns = 0 },
        token: request => { this.#askForToken(session, request) },
        ended: why => this.#ended(session, why)
      })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return this.#fallBack(code ?? message)
    }
    this.#session = session
    // Before it looks at the files, so that it knows whose they are.
    for (const [id, { counters, live }] of this.#clients) if (live !== undefined || counters.sum('spooled') > 0) session.open(id)
    for (const batch of this.#waiting.splice(0)) session.take(batch)
    return true
  }

  #askForToken (session: WorkerSession, request: number): void {
    askCredential(this.#settings).then(
      token => session.answerToken({ is: 'token', request, token, error: '' }),
      (error: Error) => session.answerToken({ is: 'token', request, token: null, error: error.message }))
  }

  #ended (session: WorkerSession, why: string): void {
    const left = session.giveUp().filter(({ id }) => this.#clients.has(id))
    this.#predecessors.push(session.owner)
    const wasCurrent = this.#session === session
    const wasMeant = !wasCurrent && !this.#abandoned.delete(session)
    if (wasCurrent) this.#session = undefined
    if (wasMeant && left.length === 0) return
    for (const client of this.#clients.values()) client.notice(`the worker thread died: ${why}${session.hasStarted ? '' : ' (it never started)'}`)
    this.#waiting.unshift(...left)
    if (++this.#failedRuns > MAX_FAILED_RUNS) this.#giveUpOldest()
    if (!session.hasStarted && ++this.#failedStarts >= MAX_FAILED_STARTS) this.#fallBack(why)
    else if (this.#session !== undefined) for (const batch of this.#waiting.splice(0)) this.#session.take(batch)
    else if (this.#hasWork()) this.#restartLater()
  }

  #giveUpOldest (): void {
    const oldest = this.#waiting.shift()
    if (oldest !== undefined) this.#clients.get(oldest.id)?.counters.move(oldest.counts, null, 'workerDied')
  }

  #restartLater (): void {
    clearTimeout(this.#restart)
    this.#restart = setTimeout(() => this.#start(), restartPause(this.#failedRuns - 1))
    this.#restart.unref()
  }

  #fallBack (why: string): false {
    const { timing } = this.#settings
    const fallback = this.#fallback = new LocalLink({ ...this.#settings, timing: { ...timing, ...LOCAL_TIMING } }, this.#clients, this.inherited, this.#predecessors)
    const [first] = this.#clients.values()
    first?.warn(`the worker thread cannot be started (${why}), so rows are sent from the main thread, which slows it down. Set { worker: false } if that is what you want; otherwise see docs/bundling.md.`)
    for (const [id, { live }] of this.#clients) if (live !== undefined) fallback.watch(id, true)
    // First, so that it knows whose files it finds.
    if (this.#hasWork()) fallback.resume()
    for (const { id, sealed, counts } of this.#waiting.splice(0)) fallback.take(id, sealed, counts)
    return false
  }

  /** Takes back what the worker hasn't claimed: it may still be starting, or loading the exporter. */
  #reclaim (session: WorkerSession): void {
    if (this.#session !== session) return
    this.#session = undefined
    this.#abandoned.add(session)
    for (const batch of session.reclaim()) storeSealed(batch, this.#clients.get(batch.id), this.#settings)
  }

  /** No time is left for the worker. What it was working on may arrive twice, which is better than never. */
  #giveUp (session: WorkerSession): void {
    for (const batch of session.giveUp()) storeSealed(batch, this.#clients.get(batch.id), this.#settings)
  }
}

function restartPause (earlier: number): number {
  return Math.min(RESTART_MAX, RESTART_BASE * 2 ** Math.min(20, Math.max(0, earlier)))
}
