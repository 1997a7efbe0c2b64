/** The pipeline on the main thread, with `worker: false` or if no worker can be started. */
import { Counters, type Counts } from '../counters'
import { tokenCache } from '../http/tokens'
import type { LiveMetrics } from '../../live-metrics'
import { createLiveMetrics } from '../live'
import { Pipeline, type Mode } from '../pipeline'
import { newOwner } from '../spool'
import { askCredential, debug, plain, type Client, type Link, type LinkSettings } from './link'

export class LocalLink implements Link {
  readonly inherited: Counters
  readonly #settings: LinkSettings
  readonly #authorization: ((renew: boolean) => Promise<string>) | undefined
  readonly #clients: Map<number, Client>
  readonly #predecessors: readonly string[]
  readonly #opened = new Set<number>()
  #pipeline: Pipeline | undefined
  #live: LiveMetrics | undefined

  /** @param predecessors dead workers whose files are now ours */
  constructor (settings: LinkSettings, clients: Map<number, Client>, inherited = new Counters(), predecessors: readonly string[] = []) {
    this.#settings = settings
    this.#authorization = settings.credential === undefined ? undefined : tokenCache(() => askCredential(settings))
    this.#clients = clients
    this.#predecessors = predecessors
    this.inherited = inherited
  }

  take (id: number, sealed: string, counts: Counts): void {
    const pipeline = this.#start()
    if (!this.#clients.has(id)) return
    this.#open(pipeline, id)
    pipeline.take(id, sealed, counts, 0)
    this.#live?.take(id, sealed)
  }

  /** Sends what earlier workers stored. */
  resume (): void {
    const pipeline = this.#start()
    for (const id of this.#clients.keys()) this.#open(pipeline, id)
    pipeline.resume()
  }

  watch (id: number, isOn: boolean): void {
    if (!isOn) return this.#live?.close(id)
    const live = this.#clients.get(id)?.live
    if (live === undefined) return
    this.#live ??= createLiveMetrics(this.#settings, { authorization: this.#authorization, debug })
    this.#live?.open(id, live())
  }

  async settle (mode: Mode, timeout: number, id: number | undefined): Promise<void> {
    await new Promise<void>(resolve => {
      if (this.#pipeline === undefined) resolve()
      else this.#pipeline.settle(mode, timeout, id, resolve)
    })
  }

  drain (_timeout: number, last: boolean): void {
    this.#pipeline?.spoolNow()
    if (last) this.#pipeline?.releaseFiles()
  }

  poll (): void {}

  async release (id: number): Promise<void> {
    this.#live?.close(id)
    if (this.#opened.delete(id)) this.#pipeline?.close(id)
    if (this.#clients.size > 0) return
    this.#pipeline?.stop()
    this.#pipeline = undefined
  }

  #start (): Pipeline {
    this.#pipeline ??= this.#load()
    return this.#pipeline
  }

  #open (pipeline: Pipeline, id: number): void {
    if (this.#opened.has(id)) return
    this.#opened.add(id)
    const { resource, counters } = this.#clients.get(id)!
    pipeline.open(id, plain(resource()), counters)
  }

  #load (): Pipeline {
    const everyone = [...this.#clients.values()]
    return new Pipeline(this.#settings, this.inherited, { owner: newOwner(), predecessors: this.#predecessors }, {
      notice: message => { for (const client of this.#clients.values()) client.notice(message) },
      warn: message => { everyone[0]?.warn(message) },
      authorization: this.#authorization,
      claim: () => true,
      settled: () => {}
    })
  }
}
