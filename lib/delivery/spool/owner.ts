/** Who owns a file (a process or one of its workers), and whether the owner is still alive. */
import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { wallClock } from '../../clock'

/** For files without an owner. */
export const FREE = 'free'
/** How long a heartbeat is valid, in milliseconds. */
export const DEAD_AFTER = 150_000

/** `pid-start-namespace-random`: pids get reused, and every container has a pid 1. */
export function newOwner (): string {
  return `${process.pid}-${startOf('self') ?? '0'}-${namespace()}-${randomBytes(3).toString('hex')}`
}

function namespace (): string {
  try {
    return createHash('sha256').update(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid')).digest('hex').slice(0, 8)
  } catch {
    // Not Linux.
    return '0'
  }
}

/** In clock ticks since boot; the program's name, in parentheses, may contain anything. */
function startOf (pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/** @param own the owner that is asking */
export function isAlive (owner: string, own: string, directory: string): boolean {
  const [pid, started, namespace] = owner.split('-')
  if (namespace === own.split('-')[2]) {
    if (started !== '0') return startOf(pid) === started
    try {
      process.kill(Number(pid), 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    }
  }
  // Another container's pid means nothing here, and a pid may have been reused by another program.
  try {
    return wallClock() - lstatSync(join(directory, heartbeatName(owner))).mtimeMs < DEAD_AFTER
  } catch {
    return false
  }
}

export function heartbeatName (owner: string): string {
  return `${owner}.alive`
}
