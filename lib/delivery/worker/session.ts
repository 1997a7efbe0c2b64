/** One worker thread as the main thread sees it: what it was given, and what it hasn't acknowledged. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads'
import { Counters } from '../counters'
import type { FileOwnership, Mode, PipelineSettings } from '../pipeline'
import { newOwner } from '../spool'
import { debug, plain, type Client, type Sealed } from './link'
import type { FromWorker, Move, ToWorker, WorkerData } from './messages'
import { createClaims, reclaim } from './reclaim'
import { Unacknowledged } from './unacknowledged'

// A bundle may lack this file, and an ES module lacks `__dirname`. The name is unlikely to clash with an app's file in a bundle.
export const WORKER_FILE = typeof __dirname === 'string' ? join(__dirname, 'app-insights-worker.js') : undefined
// Both in MB. By default V8 grows it under load, adding 40 MB or more to the process. V8 makes three parts of a power of two
// out of it, here of 4; with 8 the worker's work takes 5 % less time, and the process 10 MB more.
const YOUNG_GENERATION = 12
// A machine with more memory makes V8 collect later: 40 MB more, where 20 are in use.
const OLD_GENERATION = 1_024

export interface SessionEvents {
  clients: ReadonlyMap<number, Client>
  /** Items from processes that ended earlier. */
  inherited: Counters
  /** The worker is running, and owns its predecessors' files. */
  started: () => void
  /** Something was sent, stored or dropped. */
  progressed: () => void
  token: (request: number) => void
  ended: (why: string) => void
}

interface OpenLease { sequences: readonly number[], moves: Move[] }

export class WorkerSession {
  readonly owner = newOwner()
  hasStarted = false
  readonly #events: SessionEvents
  readonly #worker: Worker
  /** The worker's messages arrive on a port because it can be read even while this thread is blocked. */
  readonly #port: MessagePort
  readonly #claims = createClaims()
  readonly #posted = new Unacknowledged(memory => this.#post({ is: 'block', memory }))
  readonly #leases = new Map<number, OpenLease>()
  readonly #requests = new Map<number, (isDone: boolean) => void>()
  readonly #opened = new Set<number>()
  /** What it holds of earlier processes' files. */
  readonly #inherited = new Counters()
  #lastRequest = 0
  #why = ''
  #hasEnded = false

  /** @throws if no thread can be started */
  constructor (settings: PipelineSettings, predecessors: readonly string[], withToken: boolean, events: SessionEvents) {
    this.#events = events
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    const ownership: FileOwnership = { owner: this.owner, predecessors }
    const data: WorkerData = { settings, ownership, withToken, port: port2, claims: this.#claims.buffer as SharedArrayBuffer }
    // Whatever the app preloads, such as another SDK, must not run in the worker and record what we send.
    const env: NodeJS.ProcessEnv = { ...process.env, NODE_NO_WARNINGS: '1' }
    delete env.NODE_OPTIONS
    const execArgv = process.versions.pnp === undefined ? [] : ['--require', createRequire(WORKER_FILE!).resolve('pnpapi')]
    try {
      this.#worker = new Worker(WORKER_FILE!, {
        workerData: data,
        transferList: [port2],
        env,
        execArgv,
        name: 'fastify-app-insights',
        stdin: false,
        trackUnmanagedFds: false,
        resourceLimits: {
          maxYoungGenerationSizeMb: YOUNG_GENERATION,
          maxOldGenerationSizeMb: Math.min(OLD_GENERATION, getHeapStatistics().heap_size_limit / 1024 ** 2)
        }
      })
    } catch (error) {
      port1.close()
      throw error
    }
    this.#worker.on('error', error => { this.#why = (error as Error | undefined)?.message ?? String(error) })
    this.#worker.on('exit', code => this.#exited(this.#why || `it ended with code ${code}`))
    port1.on('message', (message: FromWorker) => this.#handle(message))
    port1.unref()
    // After adding the listeners: a message listener refs the worker again.
    this.#worker.unref()
  }

  take (batch: Sealed): void {
    this.open(batch.id)
    this.#post({ is: 'take', ...this.#posted.add(batch) })
  }

  /** @param done called with false if the worker has already ended. @returns the request's number */
  settle (mode: Mode, within: number, id: number | undefined, last: boolean, flag: SharedArrayBuffer | undefined, done: (isDone: boolean) => void): number {
    const request = ++this.#lastRequest
    this.#requests.set(request, done)
    if (id === undefined) for (const each of this.#events.clients.keys()) this.open(each)
    else this.open(id)
    this.#post({ is: 'settle', request, mode, within, id, last, done: flag })
    return request
  }

  expire (request: number): void {
    this.#post({ is: 'expire', request })
  }

  close (id: number): void {
    if (this.#opened.delete(id)) this.#post({ is: 'close', id })
  }

  /** Live Metrics of the instance end. */
  unwatch (id: number): void {
    if (this.#opened.has(id)) this.#post({ is: 'unwatch', id })
  }

  answerToken (message: ToWorker & { is: 'token' }): void {
    this.#post(message)
  }

  /** Reads messages that arrived while this thread was busy. */
  poll (): void {
    if (this.#hasEnded) return
    for (let received = receiveMessageOnPort(this.#port); received !== undefined; received = receiveMessageOnPort(this.#port)) {
      this.#handle(received.message as FromWorker)
    }
  }

  /** It has claimed something that isn't fully sent or stored yet. */
  get isAtWork (): boolean {
    return this.#posted.size > 0
  }

  /** @returns what it hasn't claimed, and can't claim any more */
  reclaim (): Sealed[] {
    if (!reclaim(this.#claims)) return []
    this.poll()
    const claimed = new Set([...this.#leases.values()].flatMap(lease => lease.sequences))
    return this.#posted.takeBack(sequence => !claimed.has(sequence))
  }

  /** Ends the thread once it has nothing left to do. */
  async quit (): Promise<void> {
    await this.#worker.terminate()
  }

  /** Announces an instance to the worker, once. */
  open (id: number): void {
    const client = this.#events.clients.get(id)
    if (this.#opened.has(id) || client === undefined) return
    this.#opened.add(id)
    this.#post({ is: 'open', id, resource: plain(client.resource()), spooled: client.counters.counts('spooled'), live: client.live?.() })
  }

  #post (message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #handle (message: FromWorker): void {
    if (this.#hasEnded) return
    const { clients, started, progressed, token } = this.#events
    switch (message.is) {
      case 'started':
        this.hasStarted = true
        return started()
      case 'claimed':
        this.#leases.set(message.lease, { sequences: message.sequences, moves: [] })
        return
      case 'moved':
        for (const move of message.moves) this.#move(move)
        for (const lease of message.settled) this.#settled(lease)
        return progressed()
      case 'done':
        this.#requests.get(message.request)?.(true)
        this.#requests.delete(message.request)
        return
      case 'notice':
        for (const client of clients.values()) client.notice(message.message)
        return
      case 'warning':
        return [...clients.values()][0]?.warn(message.message)
      case 'debug':
        return debug(message.message)
      case 'token':
        return token(message.request)
    }
  }

  #move (move: Move): void {
    const [source, counts, from, to, lease] = move
    this.#countersOf(source)?.move(counts, from, to)
    if (source === 0) this.#inherited.move(counts, from, to)
    if (lease === 0) return
    // Files are never claimed.
    let open = this.#leases.get(lease)
    if (open === undefined) this.#leases.set(lease, open = { sequences: [], moves: [] })
    open.moves.push(move)
  }

  #settled (lease: number): void {
    for (const sequence of this.#leases.get(lease)?.sequences ?? []) this.#posted.acknowledge(sequence)
    this.#leases.delete(lease)
  }

  #countersOf (source: number): Counters | undefined {
    return source === 0 ? this.#events.inherited : this.#events.clients.get(source)?.counters
  }

  /** What was not settled is undone: batches are queued again, and files wait. */
  #undo (): void {
    for (const { moves } of this.#leases.values()) {
      for (const [source, counts, from, to] of moves.reverse()) {
        this.#countersOf(source)?.move(counts, to, from)
        if (source === 0) this.#inherited.move(counts, to, from)
      }
    }
    this.#leases.clear()
    // Whoever takes over the files will count them again.
    const spooled = this.#inherited.counts('spooled')
    this.#inherited.move(spooled, 'spooled', null)
    this.#events.inherited.move(spooled, 'spooled', null)
  }

  /** Ignores everything it does from now on. @returns what it was given and hasn't acknowledged, oldest first */
  giveUp (): Sealed[] {
    this.poll()
    this.#hasEnded = true
    this.#undo()
    this.#port.close()
    return this.#posted.takeBack()
  }

  #exited (why: string): void {
    this.poll()
    for (const done of this.#requests.values()) done(false)
    this.#requests.clear()
    this.#events.ended(why)
  }
}
