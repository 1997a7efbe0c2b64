/** Where files wait: a folder private to this user. Nothing on the path to it is trusted. */
import { createHash, randomBytes } from 'node:crypto'
import { accessSync, closeSync, constants, fchmodSync, fstatSync, lstatSync, mkdirSync, openSync, rmdirSync, statSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Connection } from '../../options/connection-string'

const PRIVATE = 0o700

/** Private to a user, and one per Azure resource; the key must not be readable from the path. */
export function spoolDirectory (connection: Connection, base: string | undefined): string {
  const hash = createHash('sha256').update(`${connection.instrumentationKey}|${connection.endpoint}`).digest('hex').slice(0, 24)
  // The app may change its working directory later.
  return join(resolve(base ?? defaultBase()), hash)
}

function defaultBase (): string {
  return join(tmpdir(), `fastify-app-insights-${userName()}`)
}

function userName (): string {
  if (typeof process.getuid === 'function') return String(process.getuid())
  try {
    return createHash('sha256').update(userInfo().username).digest('hex').slice(0, 8)
  } catch {
    return 'user'
  }
}

/** Leaves nothing behind. @returns why files can't be stored there, in words or as the system's code */
export function whyUnusable (directory: string): string | undefined {
  try {
    for (const path of ownFolders(directory)) checkOwner(path)
    accessSync(directory, constants.W_OK | constants.X_OK)
    // For a path below a file, Windows only says that it doesn't exist.
    return statSync(directory).isDirectory() ? undefined : 'ENOTDIR'
  } catch (error) {
    const code = codeOf(error)
    return code === 'ENOENT' ? whyUnmakeable(directory) : code
  }
}

/** The only way to find out is to create a folder: root may write to /proc, but can't create one there. */
function whyUnmakeable (directory: string): string | undefined {
  const parent = dirname(directory)
  try {
    if (parent !== directory && !statSync(parent).isDirectory()) return 'ENOTDIR'
    const trial = join(parent, `.fastify-app-insights-${randomBytes(4).toString('hex')}`)
    mkdirSync(trial, PRIVATE)
    rmdirSync(trial)
    return undefined
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'ENOENT' || parent === directory) return code
    try {
      statSync(parent)
      // It exists, but no folder can be created in it.
      return code
    } catch {
      return whyUnmakeable(parent)
    }
  }
}

/** @throws the system's error, or if the folder is someone else's */
export function prepareDirectory (directory: string): void {
  makeDirectory(directory)
  checkDirectory(directory)
}

/** Not `recursive`: below /proc that never returns. */
function makeDirectory (directory: string): void {
  const missing: string[] = []
  for (let path = directory; ; path = dirname(path)) {
    try {
      mkdirSync(path, PRIVATE)
      break
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EEXIST') break
      if (code !== 'ENOENT' || dirname(path) === path) throw error
      missing.unshift(path)
    }
  }
  for (const path of missing) {
    try {
      mkdirSync(path, PRIVATE)
    } catch (error) {
      // Another process was faster.
      if (codeOf(error) !== 'EEXIST') throw error
    }
  }
}

/** In a world-writable directory, someone else may have created our folder first. @throws if so */
export function checkDirectory (directory: string): void {
  for (const path of ownFolders(directory)) {
    checkOwner(path)
    if (process.platform !== 'win32') makePrivate(path)
  }
}

/** The folder itself, and its parent if that is the default base, which must be ours too. */
function ownFolders (directory: string): string[] {
  const parent = dirname(directory)
  return parent === defaultBase() ? [parent, directory] : [directory]
}

class NotOurs extends Error {
  readonly code = 'the folder belongs to someone else'
}

function checkOwner (path: string): void {
  const found = lstatSync(path)
  if (found.isSymbolicLink() || !isOwn(found.uid)) throw new NotOurs('the storage directory belongs to someone else')
  if (!found.isDirectory()) throw Object.assign(new Error('the storage directory is not a directory'), { code: 'ENOTDIR' })
}

function makePrivate (path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const { mode, uid } = fstatSync(descriptor)
    if (!isOwn(uid)) throw new NotOurs('the storage directory belongs to someone else')
    if ((mode & 0o077) !== 0) fchmodSync(descriptor, PRIVATE)
  } finally {
    closeSync(descriptor)
  }
}

export function isOwn (uid: number): boolean {
  return typeof process.getuid !== 'function' || uid === process.getuid()
}

function codeOf (error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}
