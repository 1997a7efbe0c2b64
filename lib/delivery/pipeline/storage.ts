/** Batches ↔ the spool: what is stored, for whom, and which files are being sent. */
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources'
import { monotonic } from '../../clock'
import { isSameCounts, type Reason } from '../counters'
import { compress, expand, Spool, unknownCounts, whyUnusable, type Parcel, type SpoolFile } from '../spool'
import { createBatch, shift, type Batch, type Lease, type Source } from './batch'
import { countEnvelopes, envelopesOf } from './bodies'
import type { PipelineSettings } from './settings'

export interface StorageOptions {
  directory: string
  maxBytes: number
  owner: string
  predecessors: readonly string[]
  /** Identifies this process; prefixes the instance ids in its files. */
  process: string
  /** Items left by processes that ended earlier. */
  inherited: Source
  sourceOf: (id: number) => Source | undefined
  notice: (message: string) => void
}

/** @returns undefined if nothing may be written to disk */
export function createStorage ({ storage, maxStorageBytes, process }: PipelineSettings, options: Omit<StorageOptions, 'directory' | 'maxBytes' | 'process'>): Storage | undefined {
  return storage === undefined ? undefined : new Storage({ ...options, directory: storage, maxBytes: maxStorageBytes, process })
}

// The pause after a failed write, in milliseconds.
const DISK_REST = 10_000
const CHECK_USABLE_EVERY = 1_000

export class Storage {
  /** No file is read before this time on the monotonic clock. */
  readableAt = 0
  /** Files being sent, by name. */
  readonly leases = new Map<string, Lease>()
  readonly #options: StorageOptions
  readonly #spool: Spool
  readonly #owners = new Map<string, Source>()
  #writableAt = 0
  #usable = { at: -Infinity, is: false }
  #claimAt = 0
  #postponed: string | undefined
  /** Negative, so that they never clash with the leases of batches from memory. */
  #lastLease = 0

  constructor (options: StorageOptions) {
    this.#options = options
    const { directory, maxBytes, owner, predecessors } = options
    this.#spool = new Spool({
      directory, maxBytes, owner, predecessors, isBusy: file => this.leases.has(file.name), onDropped: (file, why) => this.#dropped(file, why)
    })
  }

  /** True unless a write has just failed. */
  get isWritable (): boolean {
    return monotonic() >= this.#writableAt
  }

  get isUsable (): boolean {
    const now = monotonic()
    if (now - this.#usable.at > CHECK_USABLE_EVERY) this.#usable = { at: now, is: whyUnusable(this.#options.directory) === undefined }
    return this.#usable.is && this.isWritable
  }

  /** @returns false if the write failed */
  write ({ source, resource, counts, body, sealed }: Batch): boolean {
    const origin = `${this.#options.process}/${source.id}`
    try {
      const file = this.#spool.write(body === undefined
        ? { form: 'packed', data: compress(sealed.join('\n')), counts, resource: resource.attributes, origin }
        : { form: 'body', data: body.gzip ? body.data : compress(body.data), counts, origin })
      this.#owners.set(file.name, source)
      return true
    } catch (error) {
      this.#writableAt = monotonic() + DISK_REST
      this.#options.notice(`cannot store: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`)
      return false
    }
  }

  /**
   * The oldest file that is not being sent.
   * @param onlyOwn skip files that other processes left
   * @param claimEvery how often to look for those, in milliseconds; undefined means not now
   */
  take (onlyOwn: boolean, claimEvery: number | undefined): Batch | undefined {
    for (let file = this.#next(onlyOwn, claimEvery); file !== undefined; file = this.#next(onlyOwn, claimEvery)) {
      const batch = this.#open(file)
      if (batch !== undefined) return batch
    }
    return undefined
  }

  #next (onlyOwn: boolean, claimEvery: number | undefined): SpoolFile | undefined {
    const { inherited } = this.#options
    const files = this.#spool.files.filter(file => !this.leases.has(file.name) && (!onlyOwn || this.#ownerOf(file) !== inherited))
    const next = files.find(file => file.name !== this.#postponed) ?? files[0]
    if (next !== undefined) return next
    if (onlyOwn || claimEvery === undefined || monotonic() < this.#claimAt) return undefined
    const claimed = this.#spool.claim()
    if (claimed === undefined) this.#claimAt = monotonic() + claimEvery
    return claimed
  }

  #open (file: SpoolFile): Batch | undefined {
    const parcel = this.#spool.read(file)
    if (parcel === undefined || parcel === null) return this.#giveUp(file, parcel === null ? 'corrupt' : 'takenOver')
    const source = this.#own(file, parcel)
    const lease: Lease = { id: --this.#lastLease, sequences: [], file, open: 1 }
    const batch = createBatch(source, parcel.counts, undefined, { state: 'spooled', lease, unchangedOnDisk: true })
    try {
      if (parcel.form === 'body') {
        batch.body = { data: parcel.data, gzip: true }
        if (!isSameCounts(countEnvelopes(envelopesOf(batch.body)), parcel.counts)) throw new Error('not what its header says')
      } else {
        batch.sealed = [expand(parcel.data).toString()]
        batch.resource = resourceFromAttributes((parcel.resource ?? {}) as Resource['attributes'])
      }
    } catch {
      return this.#giveUp(file, 'corrupt')
    }
    this.leases.set(file.name, lease)
    return batch
  }

  /** Not accepted: nothing is read before `notBefore`, and then another file goes first. */
  postpone ({ file }: Lease, notBefore: number): void {
    this.readableAt = notBefore
    this.#postponed = file?.name
  }

  /** The lease is over: removes its file, unless that still holds what is left to send. */
  settle ({ file }: Lease, keepFile: boolean): void {
    if (file === undefined) return
    this.leases.delete(file.name)
    if (keepFile) return
    this.#owners.delete(file.name)
    this.#spool.remove(file)
  }

  heartbeat (): void {
    this.#spool.heartbeat()
  }

  /** Leaves the files to the next process. */
  release (): void {
    this.#spool.release()
  }

  #giveUp (file: SpoolFile, why: Reason): undefined {
    this.#dropped(file, why)
    this.#spool.remove(file)
    if (why === 'corrupt') this.#options.notice(`a file with ${file.items} rows was damaged`)
  }

  /** A file is gone: dropped for space or age, taken, or damaged. */
  #dropped (file: SpoolFile, why: Reason): void {
    const source = this.#ownerOf(file)
    const known = this.#owners.has(file.name)
    this.#owners.delete(file.name)
    shift(source, file.counts ?? unknownCounts(file.items), known || source !== this.#options.inherited ? 'spooled' : null, why, undefined)
  }

  #ownerOf (file: SpoolFile): Source {
    const known = this.#owners.get(file.name)
    if (known !== undefined) return known
    const parcel = this.#spool.read(file)
    return parcel ? this.#own(file, parcel) : this.#options.inherited
  }

  /** Items stored by a worker of this process are already counted, with their instance. */
  #own (file: SpoolFile, { origin, counts }: Parcel): Source {
    const known = this.#owners.get(file.name)
    if (known !== undefined) return known
    const { inherited, process, sourceOf } = this.#options
    const [by, id] = origin?.split('/') ?? []
    const source = by === process ? sourceOf(Number(id)) ?? inherited : inherited
    this.#owners.set(file.name, source)
    file.counts = counts
    if (source === inherited) shift(source, counts, null, 'spooled', undefined)
    return source
  }
}
