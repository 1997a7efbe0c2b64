/** Batches ↔ the bytes of a file, trusted only as far as they can be checked. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { countsOf, KINDS, total, type Counts } from '../counters'
import { isOwn } from './directory'

/** `packed`: sealed batches, one a line, which need their resource. `body`: what gets posted. */
export type Form = 'packed' | 'body'

export interface Parcel {
  form: Form
  /** Compressed. */
  data: Buffer
  counts: Counts
  resource?: Record<string, unknown>
  /** The instance that the items belong to, as its process names it. */
  origin?: string
}

interface Header { v: number, form: Form, counts: Counts, bytes: number, resource?: Record<string, unknown>, origin?: string }

const VERSION = 1
const MAX_FILE = 64 * 1024 * 1024
const MAX_UNPACKED = 64 * 1024 * 1024
const MAX_HEADER = 256 * 1024
/** More than we ever put into one file. */
const MAX_ITEMS = 100_000
// Windows has none of these flags.
const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY, O_WRONLY } = constants

export function encode ({ form, data, counts, resource, origin }: Parcel): Buffer {
  const header: Header = { v: VERSION, form, counts, bytes: data.length, resource, origin }
  return Buffer.concat([Buffer.from(JSON.stringify(header) + '\n'), data])
}

/** Undefined: not made by encode(), or damaged. The counts are checked later, when the data is unpacked. */
export function decode (content: Buffer): Parcel | undefined {
  try {
    const end = content.subarray(0, MAX_HEADER).indexOf(10)
    const { v, form, counts, bytes, resource, origin } = JSON.parse(content.toString('utf8', 0, end)) as Header
    const data = content.subarray(end + 1)
    if (end === -1 || v !== VERSION || data.length !== bytes || !isCounts(counts)) return undefined
    if (form !== 'packed' && form !== 'body') return undefined
    if (resource !== undefined && (typeof resource !== 'object' || resource === null)) return undefined
    return { form, data, counts, resource, origin: typeof origin === 'string' ? origin : undefined }
  } catch {
    return undefined
  }
}

function isCounts (counts: unknown): counts is Counts {
  return Array.isArray(counts) && counts.length === KINDS.length &&
    counts.every(count => Number.isInteger(count) && count >= 0) && total(counts) <= MAX_ITEMS
}

/** The size of a readable file; undefined for links, pipes, devices, folders, other users' files and files that are too large. */
export function sizeOf (path: string): number | undefined {
  try {
    const found = lstatSync(path)
    return found.isFile() && isOwn(found.uid) && found.size <= MAX_FILE ? found.size : undefined
  } catch {
    return undefined
  }
}

/** @throws the file system's error, such as ENOENT, or if the file isn't ours */
export function readOwnFile (path: string): Buffer {
  // Without O_NONBLOCK, opening a named pipe would hang forever.
  const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    const found = fstatSync(descriptor)
    if (!found.isFile() || !isOwn(found.uid) || found.size > MAX_FILE) throw new Error('not a file of ours')
    const content = Buffer.alloc(found.size)
    let read = 0
    while (read < content.length) {
      const more = readSync(descriptor, content, read, content.length - read, read)
      if (more === 0) break
      read += more
    }
    return content.subarray(0, read)
  } finally {
    closeSync(descriptor)
  }
}

/** Writes under a temporary name until the file is complete. @throws the file system's error */
export function writeWhole (temporary: string, path: string, content: Buffer): void {
  try {
    const descriptor = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
    try {
      for (let written = 0; written < content.length;) written += writeSync(descriptor, content, written)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, path)
  } catch (error) {
    remove(temporary)
    throw error
  }
}

/** For a file whose times matter: creates it if it's missing. @returns a descriptor; close it */
export function openMarker (path: string): number {
  const descriptor = openSync(path, O_CREAT | O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0o600)
  const found = fstatSync(descriptor)
  if (found.isFile() && isOwn(found.uid)) return descriptor
  closeSync(descriptor)
  throw new Error('not a file of ours')
}

export function remove (path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Already gone, or not ours to remove.
  }
}

/** @throws if the data is corrupt, or expands to more than we ever put into one file */
export function expand (data: Buffer): Buffer {
  return gunzipSync(data, { maxOutputLength: MAX_UNPACKED })
}

/** Speed matters more than size: when files are written, something is already wrong. */
export function compress (data: Buffer | string): Buffer {
  return gzipSync(data, { level: 1 })
}

/** For a file that can't be read: its name still says how many items are lost. */
export function unknownCounts (items: number): Counts {
  const counts = countsOf()
  counts[2] = Math.min(items, MAX_ITEMS)
  return counts
}
