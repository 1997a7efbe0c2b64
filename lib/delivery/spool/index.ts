/** Batches ↔ files: stored while the endpoint is unavailable, each owned by one thread of one process at a time. */
import { randomBytes } from 'node:crypto'
import { closeSync, futimesSync, lstatSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { monotonic, wallClock } from '../../clock'
import { total, type Counts } from '../counters'
import { checkDirectory, prepareDirectory } from './directory'
import { decode, encode, openMarker, readOwnFile, remove, sizeOf, writeWhole, type Parcel } from './file'
import { DEAD_AFTER, FREE, heartbeatName, isAlive, newOwner } from './owner'

export { compress, expand, unknownCounts, type Parcel } from './file'
export { spoolDirectory, whyUnusable } from './directory'
export { newOwner } from './owner'

export interface SpoolFile {
  name: string
  bytes: number
  items: number
  /** The file's counts. For another process's file they are known only after reading it. */
  counts: Counts | undefined
  /** When it was written, in milliseconds since 1970. */
  at: number
}

export interface SpoolOptions {
  directory: string
  maxBytes: number
  /** The files' owner; each thread has its own. */
  owner?: string
  /** Dead owners in this process, whose files are ours. */
  predecessors?: readonly string[]
  /** True for a file that is being sent, which must be left alone. */
  isBusy?: (file: SpoolFile) => boolean
  /** Called when a file is dropped. */
  onDropped?: (file: SpoolFile, why: 'storageFull' | 'expired') => void
}

const FILE = /^(\d{14})-(\d{6})-([0-9a-f]{8})\.(\d{1,9})\.([0-9a-z-]{1,100})\.spool$/
const TEMPORARY = /\.(\d+)\.tmp$/
const HEARTBEAT = 30_000
const RESCAN = 5_000
// Application Insights rejects rows older than two days.
const EXPIRES = 48 * 60 * 60 * 1000

/** Everything here is synchronous: the files are small, and a crash leaves no time for anything else. */
export class Spool {
  /** Our own files, oldest first. */
  readonly files: SpoolFile[] = []
  readonly #directory: string
  readonly #maxBytes: number
  readonly #owner: string
  readonly #predecessors: ReadonlySet<string>
  readonly #isBusy: (file: SpoolFile) => boolean
  readonly #onDropped: (file: SpoolFile, why: 'storageFull' | 'expired') => void
  #bytes = 0
  #claimableBytes = 0
  #scannedAt = -Infinity
  #heartbeatAt = -Infinity
  #sequence = 0
  #isChecked = false
  /** Names of files with no live owner. */
  #claimable: string[] = []

  constructor ({ directory, maxBytes, owner = newOwner(), predecessors = [], isBusy = () => false, onDropped = () => {} }: SpoolOptions) {
    this.#directory = directory
    this.#maxBytes = maxBytes
    this.#owner = owner
    this.#predecessors = new Set(predecessors)
    this.#isBusy = isBusy
    this.#onDropped = onDropped
    if (predecessors.length > 0) this.#adopt()
  }

  /** @throws the file system's error */
  write (parcel: Parcel): SpoolFile {
    this.#prepare()
    const content = encode(parcel)
    this.#makeRoom(content.length)
    const items = total(parcel.counts)
    const at = wallClock()
    const stem = `${String(at).padStart(14, '0')}-${String(this.#sequence++ % 1_000_000).padStart(6, '0')}-${randomBytes(4).toString('hex')}.${items}`
    const name = `${stem}.${this.#owner}.spool`
    writeWhole(join(this.#directory, `${stem}.tmp`), join(this.#directory, name), content)
    const file: SpoolFile = { name, bytes: content.length, items, counts: parcel.counts, at }
    this.#add(file)
    return file
  }

  /** Undefined: another process has taken the file. Null: it can't be used. */
  read (file: SpoolFile): Parcel | null | undefined {
    try {
      return decode(readOwnFile(join(this.#directory, file.name))) ?? null
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : null
    }
  }

  remove (file: SpoolFile): void {
    const at = this.files.indexOf(file)
    if (at === -1) return
    this.files.splice(at, 1)
    this.#bytes -= file.bytes
    remove(join(this.#directory, file.name))
    if (this.files.length === 0) remove(this.#heartbeatPath)
  }

  /** Takes over the oldest file with no live owner. If several processes try, one gets it. */
  claim (): SpoolFile | undefined {
    if (this.#claimable.length === 0) this.scan()
    return this.#claimKnown()
  }

  #claimKnown (): SpoolFile | undefined {
    for (let name = this.#claimable.shift(); name !== undefined; name = this.#claimable.shift()) {
      const file = this.#takeOver(name)
      if (file === undefined) continue
      this.#claimableBytes = Math.max(0, this.#claimableBytes - file.bytes)
      if (wallClock() - file.at < EXPIRES) return file
      this.#onDropped(file, 'expired')
      this.remove(file)
    }
    return undefined
  }

  /** Undefined: another process was faster, or the file isn't ours. */
  #takeOver (name: string): SpoolFile | undefined {
    const bytes = sizeOf(join(this.#directory, name))
    if (bytes === undefined) return undefined
    const [, at, sequence, random, items] = FILE.exec(name)!
    const own = `${at}-${sequence}-${random}.${items}.${this.#owner}.spool`
    try {
      renameSync(join(this.#directory, name), join(this.#directory, own))
    } catch {
      return undefined
    }
    const file: SpoolFile = { name: own, bytes, items: Number(items), counts: undefined, at: Number(at) }
    this.#add(file)
    return file
  }

  #add (file: SpoolFile): void {
    this.files.push(file)
    this.#bytes += file.bytes
    this.heartbeat()
  }

  /** A worker of this process has died: its files are ours at once. */
  #adopt (): void {
    for (const name of this.#names()) {
      const owner = FILE.exec(name)?.[5]
      if (owner !== undefined && this.#predecessors.has(owner)) this.#takeOver(name)
    }
    for (const owner of this.#predecessors) remove(join(this.#directory, heartbeatName(owner)))
  }

  /** Oldest first; empty if the folder is missing or not ours. */
  #names (): string[] {
    try {
      if (!this.#isChecked) checkDirectory(this.#directory)
      return readdirSync(this.#directory).sort()
    } catch {
      return []
    }
  }

  /** Looks for files that others left behind. */
  scan (): void {
    this.#scannedAt = monotonic()
    this.#claimable = []
    this.#claimableBytes = 0
    const alive = new Map<string, boolean>()
    for (const name of this.#names()) {
      const owner = FILE.exec(name)?.[5]
      if (owner === undefined) {
        this.#sweep(name)
        continue
      }
      if (owner === this.#owner) continue
      const bytes = sizeOf(join(this.#directory, name))
      if (bytes === undefined) continue
      this.#claimableBytes += bytes
      if (owner !== FREE && !alive.has(owner)) alive.set(owner, isAlive(owner, this.#owner, this.#directory))
      if (owner === FREE || alive.get(owner) === false) this.#claimable.push(name)
    }
  }

  /** Shows other processes, perhaps in other containers, that the files have an owner. */
  heartbeat (): void {
    if (this.files.length === 0 || monotonic() - this.#heartbeatAt < HEARTBEAT) return
    this.#heartbeatAt = monotonic()
    try {
      const descriptor = openMarker(this.#heartbeatPath)
      const now = wallClock() / 1000
      futimesSync(descriptor, now, now)
      closeSync(descriptor)
    } catch {
      // The files are still ours by pid.
    }
  }

  /** Leaves the files to the next process. */
  release (): void {
    for (const file of this.files.splice(0)) {
      try {
        renameSync(join(this.#directory, file.name), join(this.#directory, file.name.replace(/\.[0-9a-z-]+\.spool$/, `.${FREE}.spool`)))
      } catch {
        // Then they wait until our pid is found dead.
      }
    }
    this.#bytes = 0
    this.#heartbeatAt = -Infinity
    remove(this.#heartbeatPath)
  }

  get #heartbeatPath (): string {
    return join(this.#directory, heartbeatName(this.#owner))
  }

  #makeRoom (bytes: number): void {
    if (monotonic() - this.#scannedAt > RESCAN) this.scan()
    while (this.#bytes + this.#claimableBytes + bytes > this.#maxBytes) {
      const own = this.files.find(each => !this.#isBusy(each))
      const isClaimableOlder = this.#claimable.length > 0 && (own === undefined || this.#claimable[0] < own.name)
      const oldest = isClaimableOlder ? this.#claimKnown() ?? own : own
      if (oldest === undefined) throw new Error('no room for another file within maxStorageBytes')
      this.#onDropped(oldest, 'storageFull')
      this.remove(oldest)
    }
  }

  #prepare (): void {
    if (this.#isChecked) {
      try {
        if (lstatSync(this.#directory).isDirectory()) return
      } catch {
        // Someone cleaned up the temporary directory.
      }
    }
    prepareDirectory(this.#directory)
    this.#isChecked = true
  }

  /** Removes what a process left behind when it died while writing. */
  #sweep (name: string): void {
    const isHeartbeat = name.endsWith('.alive')
    if (!TEMPORARY.test(name) && !isHeartbeat) return
    const path = join(this.#directory, name)
    try {
      if (wallClock() - lstatSync(path).mtimeMs > (isHeartbeat ? 2 * DEAD_AFTER : DEAD_AFTER)) remove(path)
    } catch {
      // Already gone.
    }
  }
}
