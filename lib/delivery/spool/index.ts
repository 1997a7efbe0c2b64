/** Batches ↔ files: kept while the endpoint is away, each owned by one process at a time. */
import { createHash, randomBytes } from 'node:crypto'
import { accessSync, chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync, unlinkSync, utimesSync, writeSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Connection } from '../../options/connection-string'
import { countsOf, KINDS, type Counts } from '../counters'

/** `packed` are sealed batches, a line each, and need their resource; `body` is what gets posted. */
export type Form = 'packed' | 'body'

export interface Parcel {
  form: Form
  /** Compressed. */
  data: Buffer
  counts: Counts
  resource?: Record<string, unknown>
}

export interface SpoolFile {
  name: string
  bytes: number
  items: number
  /** What the file holds; of a file by another process it is known only when it was read. */
  counts: Counts | undefined
  at: number
}

interface Header { v: number, form: Form, counts: Counts, bytes: number, resource?: Record<string, unknown> }

const VERSION = 1
const FREE = 'free'
const FILE = /^(\d{14})-(\d{6})-([0-9a-f]{8})\.(\d+)\.([0-9a-z-]+)\.spool$/
const TEMPORARY = /\.(\d+)\.tmp$/
const HEARTBEAT = 30_000
const DEAD_AFTER = 150_000
const RESCAN = 5_000
// Application Insights refuses what is older than two days.
const EXPIRES = 48 * 60 * 60 * 1000
const MAX_UNPACKED = 64 * 1024 * 1024

/** Private to a user, and one per resource in Azure; the key itself is not to be read off a path. */
export function spoolDirectory (connection: Connection, base: string | undefined): string {
  const hash = createHash('sha256').update(`${connection.instrumentationKey}|${connection.endpoint}`).digest('hex').slice(0, 24)
  return join(base ?? join(tmpdir(), `fastify-app-insights-${userName()}`), hash)
}

/** Makes nothing. @returns the system's code for the reason */
export function whyUnwritable (directory: string): string | undefined {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK)
    // Windows says of a path below a file only that it is not there.
    return statSync(directory).isDirectory() ? undefined : 'ENOTDIR'
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    const parent = dirname(directory)
    // Not there yet: whether it can be made is for the nearest that is there to say.
    return code === 'ENOENT' && parent !== directory ? whyUnwritable(parent) : code
  }
}

/** Everything here is synchronous: the files are small, and a crash leaves no time for anything else. */
export class Spool {
  /** Own files, oldest first. */
  readonly files: SpoolFile[] = []
  readonly #directory: string
  readonly #maxBytes: number
  readonly #gone: (file: SpoolFile, why: 'storageFull' | 'expired') => void
  readonly #isBusy: (file: SpoolFile) => boolean
  readonly #owner = ownerTag()
  #bytes = 0
  #foreignBytes = 0
  #scanned = 0
  #beaten = 0
  #sequence = 0
  #usable: boolean | undefined
  #foreign: string[] = []

  /** `gone` hears of files given up; a busy one is being sent, and is left alone. */
  constructor (directory: string, maxBytes: number, isBusy: (file: SpoolFile) => boolean, gone: (file: SpoolFile, why: 'storageFull' | 'expired') => void) {
    this.#directory = directory
    this.#maxBytes = maxBytes
    this.#isBusy = isBusy
    this.#gone = gone
  }

  /** @throws what the disk says */
  write (parcel: Parcel): SpoolFile {
    this.#prepare()
    const items = parcel.counts.reduce((sum, count) => sum + count, 0)
    const header: Header = { v: VERSION, form: parcel.form, counts: parcel.counts, bytes: parcel.data.length, resource: parcel.resource }
    const content = Buffer.concat([Buffer.from(JSON.stringify(header) + '\n'), parcel.data])
    this.#makeRoom(content.length)

    const at = Date.now()
    const stem = `${String(at).padStart(14, '0')}-${String(this.#sequence++ % 1_000_000).padStart(6, '0')}-${randomBytes(4).toString('hex')}.${items}`
    const temporary = join(this.#directory, `${stem}.tmp`)
    const name = `${stem}.${this.#owner}.spool`
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
    try {
      const descriptor = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | (O_NOFOLLOW ?? 0), 0o600)
      try {
        for (let written = 0; written < content.length;) written += writeSync(descriptor, content, written)
      } finally {
        closeSync(descriptor)
      }
      renameSync(temporary, join(this.#directory, name))
    } catch (error) {
      remove(temporary)
      throw error
    }
    const file: SpoolFile = { name, bytes: content.length, items, counts: parcel.counts, at }
    this.files.push(file)
    this.#bytes += file.bytes
    this.heartbeat()
    return file
  }

  /** Undefined: another process has taken the file. Null: it cannot be read. */
  read (file: SpoolFile): Parcel | null | undefined {
    let content: Buffer
    try {
      content = readFileSync(join(this.#directory, file.name))
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : null
    }
    try {
      const end = content.indexOf(10)
      const header = JSON.parse(content.toString('utf8', 0, end)) as Header
      const data = content.subarray(end + 1)
      if (header.v !== VERSION || data.length !== header.bytes || !isCounts(header.counts)) return null
      if (header.form !== 'packed' && header.form !== 'body') return null
      // Only to see that the checksum is right, and what it expands to bearable.
      gunzipSync(data, { maxOutputLength: MAX_UNPACKED })
      file.counts = header.counts
      return { form: header.form, data, counts: header.counts, resource: header.resource }
    } catch {
      return null
    }
  }

  remove (file: SpoolFile): void {
    const at = this.files.indexOf(file)
    if (at === -1) return
    this.files.splice(at, 1)
    this.#bytes -= file.bytes
    remove(join(this.#directory, file.name))
    if (this.files.length === 0) remove(this.#alive)
  }

  /** Takes over the oldest file that nobody alive owns. One of several processes gets it. */
  claim (): SpoolFile | undefined {
    if (this.#foreign.length === 0) this.scan()
    return this.#claimKnown()
  }

  #claimKnown (): SpoolFile | undefined {
    for (let name = this.#foreign.shift(); name !== undefined; name = this.#foreign.shift()) {
      const [, at, sequence, random, items] = FILE.exec(name)!
      const own = `${at}-${sequence}-${random}.${items}.${this.#owner}.spool`
      try {
        const path = join(this.#directory, own)
        renameSync(join(this.#directory, name), path)
        const file: SpoolFile = { name: own, bytes: statSync(path).size, items: Number(items), counts: undefined, at: Number(at) }
        this.#foreignBytes = Math.max(0, this.#foreignBytes - file.bytes)
        this.#bytes += file.bytes
        this.files.push(file)
        this.heartbeat()
        if (Date.now() - file.at < EXPIRES) return file
        this.#gone(file, 'expired')
        this.remove(file)
      } catch {
        // Another process was quicker.
      }
    }
    return undefined
  }

  /** Looks for what others left behind. */
  scan (): void {
    this.#scanned = Date.now()
    this.#foreign = []
    this.#foreignBytes = 0
    let names: string[]
    try {
      if (this.#usable !== true) this.#check()
      names = readdirSync(this.#directory)
    } catch {
      return
    }
    const alive = new Map<string, boolean>()
    for (const name of names.sort()) {
      const owner = FILE.exec(name)?.[5]
      if (owner === undefined) {
        this.#sweep(name)
        continue
      }
      if (owner === this.#owner) continue
      try {
        this.#foreignBytes += statSync(join(this.#directory, name)).size
      } catch {
        continue
      }
      if (owner !== FREE && !alive.has(owner)) alive.set(owner, this.#isAlive(owner))
      if (owner === FREE || alive.get(owner) === false) this.#foreign.push(name)
    }
  }

  /** Tells other processes, in other containers perhaps, that the files have an owner. */
  heartbeat (): void {
    const now = Date.now()
    if (this.files.length === 0 || now - this.#beaten < HEARTBEAT) return
    this.#beaten = now
    try {
      closeSync(openSync(this.#alive, constants.O_CREAT | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0), 0o600))
      utimesSync(this.#alive, now / 1000, now / 1000)
    } catch {
      // The files are still ours by pid.
    }
  }

  /** Gives the files to whoever comes next. */
  release (): void {
    for (const file of this.files.splice(0)) {
      try {
        renameSync(join(this.#directory, file.name), join(this.#directory, file.name.replace(/\.[0-9a-z-]+\.spool$/, `.${FREE}.spool`)))
      } catch {
        // Then it waits until our pid is found dead.
      }
    }
    this.#bytes = 0
    remove(this.#alive)
  }

  get #alive (): string {
    return join(this.#directory, `${this.#owner}.alive`)
  }

  #makeRoom (bytes: number): void {
    if (Date.now() - this.#scanned > RESCAN) this.scan()
    while (this.#bytes + this.#foreignBytes + bytes > this.#maxBytes) {
      const own = this.files.find(each => !this.#isBusy(each))
      const oldest = this.#foreign.length > 0 && (own === undefined || this.#foreign[0] < own.name) ? this.#claimKnown() ?? own : own
      if (oldest === undefined) {
        throw new Error('no room for another file within maxStorageBytes')
      }
      this.#gone(oldest, 'storageFull')
      this.remove(oldest)
    }
  }

  #prepare (): void {
    if (this.#usable === true) {
      try {
        if (lstatSync(this.#directory).isDirectory()) return
      } catch {
        // Someone cleaned up the temporary directory.
      }
    }
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    this.#check()
  }

  /** In a directory that everyone can write to, someone else may have made ours before us. */
  #check (): void {
    for (const path of [join(this.#directory, '..'), this.#directory]) {
      const found = lstatSync(path)
      const isOurs = typeof process.getuid !== 'function' || found.uid === process.getuid()
      if (path === this.#directory || path.startsWith(join(tmpdir(), 'fastify-app-insights-'))) {
        if (!found.isDirectory() || !isOurs) throw new Error('the storage directory belongs to someone else')
        if ((found.mode & 0o077) !== 0 && process.platform !== 'win32') chmodSync(path, 0o700)
      }
    }
    this.#usable = true
  }

  /** What a process that died while writing left behind. */
  #sweep (name: string): void {
    if (!TEMPORARY.test(name) && !name.endsWith('.alive')) return
    const path = join(this.#directory, name)
    try {
      if (Date.now() - statSync(path).mtimeMs > (name.endsWith('.alive') ? 2 * DEAD_AFTER : DEAD_AFTER)) remove(path)
    } catch {
      // Gone already.
    }
  }

  #isAlive (owner: string): boolean {
    const [pid, started, namespace] = owner.split('-')
    const [, , own] = this.#owner.split('-')
    if (namespace === own) {
      if (started !== '0') return startOf(pid) === started
      try {
        process.kill(Number(pid), 0)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
      }
    }
    // Another container's pid says nothing here, and a pid may have been given to another program.
    try {
      return Date.now() - statSync(join(this.#directory, `${owner}.alive`)).mtimeMs < DEAD_AFTER
    } catch {
      return false
    }
  }
}

/** `pid-start-namespace-random`: a pid alone is used again, and is 1 in every container. */
function ownerTag (): string {
  let namespace = '0'
  try {
    namespace = createHash('sha256').update(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid')).digest('hex').slice(0, 8)
  } catch {
    // Not Linux.
  }
  return `${process.pid}-${startOf('self') ?? '0'}-${namespace}-${randomBytes(3).toString('hex')}`
}

/** In clock ticks since boot; the name of the program, in parentheses, may hold anything. */
function startOf (pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function userName (): string {
  if (typeof process.getuid === 'function') return String(process.getuid())
  try {
    return createHash('sha256').update(userInfo().username).digest('hex').slice(0, 8)
  } catch {
    return 'user'
  }
}

function isCounts (counts: unknown): counts is Counts {
  return Array.isArray(counts) && counts.length === KINDS.length && counts.every(count => Number.isInteger(count) && count >= 0)
}

function remove (path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Gone already, or not ours to remove.
  }
}

/** @throws on corrupt data, which read() has ruled out */
export function expand (data: Buffer): Buffer {
  return gunzipSync(data, { maxOutputLength: MAX_UNPACKED })
}

/** Fast before small: it is written while something is already wrong. */
export function compress (data: Buffer | string): Buffer {
  return gzipSync(data, { level: 1 })
}

/** For files whose header cannot be read: the name still tells how many items are lost. */
export function unknownCounts (items: number): Counts {
  const counts = countsOf()
  counts[2] = items
  return counts
}
