/** Main thread → pipeline: a worker thread, or the same thread, shared by all instances that send to the same place. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { TokenCredential } from '@azure/core-auth'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { context } from '../tracing/context'
import type { Pipeline, PipelineSettings, Mode } from './pipeline'
import { compress, Spool } from './spool'
import { Account, add, type Counts } from './stats'
import { tokenCache, type Token } from './tokens'
import type { FromWorker, ToWorker, WorkerData } from './app-insights-worker'

export interface LinkSettings extends PipelineSettings {
  worker: boolean
  credential: TokenCredential | undefined
}

/** One instance's side of it. */
export interface Client {
  resource: () => Readonly<Record<string, unknown>>
  /** Written where the sending is done. */
  account: Account
  /** Written on the main thread. */
  near: Account
  notice: (message: string, at: number) => void
  /** For the operator, at once. */
  warn: (message: string) => void
  /** What has been posted and is not yet settled. */
  outstanding: () => Counts
}

export interface Link {
  readonly inherited: Account
  /** Nothing starts before the first batch. */
  take: (id: number, sealed: string, counts: Counts) => void
  settle: (mode: Mode, deadline: number, id: number | undefined) => Promise<void>
  /** Blocks. */
  drain: (timeout: number, last: boolean) => void
  /** The instance is gone; with the last one goes the thread, after a moment. */
  release: (id: number) => Promise<void>
}

// A bundle may lack the file, and an ES module even the name. Ours is one that no file of the app's beside a bundle has.
const WORKER = typeof __dirname === 'string' ? join(__dirname, 'app-insights-worker.js') : undefined
/** Beside the app, long computations are the app's pauses, and rows wait long enough for their batch. */
export const LOCAL_TIMING = Object.freeze({ chunk: 64, gather: 0 })
const SCOPE = 'https://monitor.azure.com/.default'
const MAX_DEATHS = 3
const LINGER = 1_000
const PATIENCE = 250
const WRITE_WAIT = 100
const QUIT_WAIT = 100
const TAKE_BACK_AT = 0.85
// Left to itself V8 grows it under load, and the process by 40 MB and more; the same work takes as long with less.
const YOUNG_GENERATION = 16 // MB

export class WorkerLink implements Link {
  readonly inherited = new Account()
  readonly #settings: LinkSettings
  readonly #clients: Map<number, Client>
  readonly #settling = new Map<number, () => void>()
  #worker: Worker | undefined
  #taken = new Int32Array(new SharedArrayBuffer(4))
  /** Kept until the worker sends or stores them. */
  #untaken: Array<{ id: number, sequence: number, sealed: string, counts: Counts }> = []
  #opened = new Set<number>()
  #sequence = 0
  #requests = 0
  #running = false
  #deaths = 0
  #drained = false
  #linger: NodeJS.Timeout | undefined
  #unfinished: Int32Array | undefined
  /** Given up by drain(), in a process that then went on living. */
  #abandoned: Worker[] = []
  /** Where no worker can be started: in a bundle, for example, which lacks the file. */
  #fallback: LocalLink | undefined

  constructor (settings: LinkSettings, clients: Map<number, Client>) {
    this.#settings = settings
    this.#clients = clients
  }

  take (id: number, sealed: string, counts: Counts): void {
    const client = this.#clients.get(id)
    if (client === undefined) return
    const fallback = this.#fallback ?? this.#withoutFile()
    if (fallback !== undefined) return fallback.take(id, sealed, counts)
    clearTimeout(this.#linger)
    const worker = this.#start()
    if (worker === undefined) {
      client.near.move(counts, null, 'workerDied')
      return
    }
    this.#forgetTaken()
    const sequence = ++this.#sequence
    this.#untaken.push({ id, sequence, sealed, counts })
    this.#open(worker, id)
    this.#post(worker, { is: 'take', id, sequence, sealed, counts })
    this.#drained = false
  }

  settle (mode: Mode, deadline: number, id: number | undefined): Promise<void> {
    if (this.#fallback !== undefined) return this.#fallback.settle(mode, deadline, id)
    const worker = this.#worker
    if (worker === undefined) return Promise.resolve()
    return new Promise(resolve => {
      const request = ++this.#requests
      const isLast = mode === 'close' && id === undefined
      const done = (): void => {
        this.#settling.delete(request)
        clearTimeout(timer)
        resolve()
      }
      // A worker that is stuck must not hold up anyone.
      let timer = setTimeout(() => {
        if (isLast) this.#takeBack(worker)
        if (isLast && this.#isWriting()) timer = setTimeout(done, WRITE_WAIT)
        else done()
      }, Math.max(0, deadline - Date.now()) + PATIENCE)
      this.#settling.set(request, done)
      this.#post(worker, { is: 'settle', request, mode, deadline, id, last: isLast, done: undefined })
    })
  }

  /** What the worker has taken and neither sent nor stored, once the rest is taken back. */
  #isWriting (): boolean {
    return [...this.#clients.values()].some(client => client.outstanding().some(count => count > 0))
  }

  drain (timeout: number, last: boolean): void {
    if (this.#fallback !== undefined) return this.#fallback.drain(timeout, last)
    // The last call ran out of time: what that worker has begun is still to be stored.
    if (this.#unfinished !== undefined) {
      const [unfinished, longer] = [this.#unfinished, Date.now() + timeout]
      this.#unfinished = undefined
      Atomics.wait(unfinished, 0, 0, timeout)
      timeout = Math.max(0, longer - Date.now())
    }
    const worker = this.#worker
    if (worker === undefined || (this.#drained && !last)) return
    const end = Date.now() + timeout
    const shared = new SharedArrayBuffer(4)
    // Half of the time for the endpoint, the rest for the disk, where there is one.
    const forSending = this.#settings.storage === undefined ? timeout - Math.min(100, timeout / 10) : timeout / 2
    this.#post(worker, { is: 'settle', request: ++this.#requests, mode: 'drain', deadline: Date.now() + forSending, id: undefined, last, done: shared })
    const done = new Int32Array(shared)
    if (Atomics.wait(done, 0, 0, timeout * TAKE_BACK_AT) === 'timed-out') {
      this.#takeBack(worker)
      // What it has begun it must store itself.
      if (Atomics.wait(done, 0, 0, Math.max(0, end - Date.now())) === 'timed-out') this.#unfinished = done
      return
    }
    this.#drained = true
    this.#forgetTaken()
  }

  async release (id: number): Promise<void> {
    if (this.#fallback !== undefined) return this.#fallback.release(id)
    if (this.#worker !== undefined && this.#opened.delete(id)) this.#post(this.#worker, { is: 'close', id })
    if (this.#clients.size > 0) return
    // A thread in the middle of loading takes its time to end, and close() has none.
    const abandoned = this.#abandoned.splice(0)
    if (abandoned.length > 0) await Promise.race([Promise.all(abandoned.map(quit)), new Promise(resolve => setTimeout(resolve, QUIT_WAIT))])
    const worker = this.#worker
    // A test suite makes one app after the other, and each would wait for the exporter to load again.
    if (worker !== undefined) this.#linger = setTimeout(() => this.#leave(worker), LINGER).unref()
  }

  #leave (worker: Worker): void {
    if (this.#clients.size > 0 || this.#worker !== worker) return
    this.#worker = undefined
    quit(worker).catch(() => {})
  }

  #start (): Worker | undefined {
    if (this.#worker !== undefined || this.#deaths >= MAX_DEATHS) return this.#worker
    this.#taken = new Int32Array(new SharedArrayBuffer(4))
    this.#sequence = 0
    this.#opened.clear()
    this.#running = false
    const { worker: _, credential, ...settings } = this.#settings
    const data: WorkerData = { settings, withToken: credential !== undefined, inherited: this.inherited.shared, taken: this.#taken.buffer as SharedArrayBuffer }
    // What the app preloads, another SDK perhaps, has no business in here, and would collect what we send.
    const env: NodeJS.ProcessEnv = { ...process.env, NODE_NO_WARNINGS: '1' }
    delete env.NODE_OPTIONS
    const execArgv = process.versions.pnp === undefined ? [] : ['--require', createRequire(WORKER!).resolve('pnpapi')]
    const worker = new Worker(WORKER!, { workerData: data, env, execArgv, name: 'fastify-app-insights', stdin: false, trackUnmanagedFds: false, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION } })
    worker.on('message', (message: FromWorker) => this.#told(worker, message))
    worker.on('error', error => this.#died(worker, (error as Error).message))
    worker.on('exit', code => this.#died(worker, `it ended with code ${code}`))
    // After the listeners: one for messages takes it back.
    worker.unref()
    this.#worker = worker
    return worker
  }

  #open (worker: Worker, id: number): void {
    if (this.#opened.has(id)) return
    this.#opened.add(id)
    const client = this.#clients.get(id)!
    this.#post(worker, { is: 'open', id, resource: plain(client.resource()), account: client.account.shared })
  }

  #post (worker: Worker, message: ToWorker): void {
    worker.postMessage(message)
  }

  #told (worker: Worker, message: FromWorker): void {
    switch (message.is) {
      case 'started':
        this.#running = true
        return
      case 'settled':
        return this.#settling.get(message.request)?.()
      case 'notice':
        for (const client of this.#clients.values()) client.notice(message.message, message.at)
        return
      case 'token':
        askCredential(this.#settings).then(
          token => this.#post(worker, { is: 'token', request: message.request, token, error: '' }),
          (error: Error) => this.#post(worker, { is: 'token', request: message.request, token: null, error: error.message }))
    }
  }

  #forgetTaken (): void {
    const taken = Atomics.load(this.#taken, 0)
    let gone = 0
    while (gone < this.#untaken.length && this.#untaken[gone].sequence <= taken) gone++
    if (gone > 0) this.#untaken.splice(0, gone)
  }

  #withoutFile (): LocalLink | undefined {
    if (this.#worker !== undefined || (WORKER !== undefined && existsSync(WORKER))) return undefined
    return this.#fallBack('its file is not where it should be, as in a bundle')
  }

  #fallBack (why: string): LocalLink {
    const { timing } = this.#settings
    const fallback = this.#fallback = new LocalLink({ ...this.#settings, timing: { ...timing, ...LOCAL_TIMING } }, this.#clients, this.inherited)
    for (const client of this.#clients.values()) {
      client.warn(`the worker thread cannot be started (${why}): rows are sent from the main thread, which costs it time. { worker: false } says that this is meant; docs/bundling.md tells how to have the thread.`)
    }
    return fallback
  }

  #died (worker: Worker, why: string): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    ignore(worker)
    this.#deaths++
    this.#forgetTaken()
    const untaken = this.#untaken
    this.#untaken = []
    for (const client of this.#clients.values()) {
      // What it held in memory is lost; what it had stored or not yet taken is not.
      const lost = client.outstanding()
      for (const each of untaken) if (this.#clients.get(each.id) === client) add(lost, each.counts.map(count => -count))
      client.account.move(client.account.inFlight(), 'inFlight', null)
      client.near.move(lost, null, 'workerDied')
      client.notice(`the worker thread died: ${why}${this.#running ? '' : ' (it never started)'}`, Date.now())
    }
    if (!this.#running && this.#deaths > 1) this.#fallBack(why)
    for (const settled of [...this.#settling.values()]) settled()
    for (const { id, sealed, counts } of untaken) this.take(id, sealed, counts)
  }

  /** The worker has not come to them, and after this it will not: it may still be starting, or loading the exporter. */
  #takeBack (worker: Worker): void {
    if (this.#worker !== worker) return
    const taken = Atomics.exchange(this.#taken, 0, -1)
    this.#untaken = this.#untaken.filter(each => each.sequence > taken)
    this.#worker = undefined
    this.#abandoned.push(worker)
    this.#storeUntaken()
  }

  #storeUntaken (): void {
    const { storage, maxStorageBytes } = this.#settings
    for (const { id, sealed, counts } of this.#untaken.splice(0)) {
      const client = this.#clients.get(id)
      if (client === undefined) continue
      try {
        if (storage === undefined) throw new Error('there is no storage directory')
        const spool = new Spool(storage, maxStorageBytes, () => false, () => {})
        spool.write({ form: 'packed', data: compress(sealed), counts, resource: plain(client.resource()) })
        spool.release()
        client.near.move(counts, null, 'spooled')
      } catch {
        client.near.move(counts, null, storage === undefined ? 'closed' : 'storageFailed')
      }
    }
  }
}

export class LocalLink implements Link {
  readonly inherited: Account
  readonly #settings: LinkSettings
  readonly #clients: Map<number, Client>
  readonly #opened = new Set<number>()
  #pipeline: Pipeline | undefined

  constructor (settings: LinkSettings, clients: Map<number, Client>, inherited = new Account()) {
    this.#settings = settings
    this.#clients = clients
    this.inherited = inherited
  }

  take (id: number, sealed: string, counts: Counts): void {
    const client = this.#clients.get(id)
    if (client === undefined) return
    this.#pipeline ??= this.#load()
    if (!this.#opened.has(id)) {
      this.#opened.add(id)
      this.#pipeline.open(id, plain(client.resource()), client.account)
    }
    this.#pipeline.take(id, sealed, counts, 0)
  }

  async settle (mode: Mode, deadline: number, id: number | undefined): Promise<void> {
    await this.#pipeline?.settle(mode, deadline, id)
  }

  drain (_timeout: number, last: boolean): void {
    this.#pipeline?.spoolNow()
    if (last) this.#pipeline?.releaseFiles()
  }

  async release (id: number): Promise<void> {
    if (this.#opened.delete(id)) this.#pipeline?.close(id)
    if (this.#clients.size > 0) return
    this.#pipeline?.stop()
    this.#pipeline = undefined
  }

  #load (): Pipeline {
    const pipeline = require('./pipeline') as typeof import('./pipeline')
    return new pipeline.Pipeline(this.#settings, this.inherited, {
      notice: message => { for (const client of this.#clients.values()) client.notice(message, Date.now()) },
      authorization: this.#settings.credential === undefined ? undefined : tokenCache(() => askCredential(this.#settings)),
      claim: undefined
    })
  }
}

function ignore (worker: Worker): void {
  worker.removeAllListeners()
  // An error that nobody listens to would end the app.
  worker.on('error', () => {})
}

async function quit (worker: Worker): Promise<void> {
  ignore(worker)
  await worker.terminate()
}

async function askCredential ({ credential, connection }: LinkSettings): Promise<Token> {
  let token
  try {
    // What the credential does over HTTP is no dependency of whichever request is being served.
    token = await context.with(suppressTracing(ROOT_CONTEXT), async () => await credential!.getToken(connection.aadAudience ?? SCOPE))
  } catch (error) {
    // Its message may tell more than a log should hold.
    throw new Error(`the credential failed: ${(error as Error).name}`)
  }
  if (token === null) throw new Error('the credential gave no token')
  return { token: token.token, expiresOnTimestamp: token.expiresOnTimestamp, refreshAfterTimestamp: token.refreshAfterTimestamp }
}

/** Attributes may still be waiting for a detector: what is known now is sent. */
function plain (attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(attributes)) as Record<string, unknown>
}
