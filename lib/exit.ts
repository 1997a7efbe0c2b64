/** The process is ending → what is pending is handed over, and the fatal error is reported. */
import { context } from '@opentelemetry/api'
import type { Exceptions } from './exceptions'
import { operationOf } from './operation'
import type { Telemetry } from './telemetry'
import { Severity } from './severity'

export interface Watched {
  readonly telemetry: Telemetry
  /** undefined where uncaught errors are not to be reported. */
  readonly exceptions: Exceptions | undefined
  /** Closes the requests that are still open. */
  readonly stop: () => void
}

// A process ends once, for all instances in it.
const watched = new Set<Watched>()

/** @returns the call that undoes it */
export function watch (instance: Watched): () => void {
  if (watched.size === 0) listen()
  watched.add(instance)
  return function unwatch () {
    if (watched.delete(instance) && watched.size === 0) unlisten()
  }
}

function listen (): void {
  // A monitor sees the error and changes nothing of what the process then does.
  process.on('uncaughtExceptionMonitor', reportFatal)
  process.on('exit', handOver)
  process.on('newListener', followRejections)
  process.on('removeListener', unfollowRejections)
  if (process.listenerCount('unhandledRejection') > 0) process.on('unhandledRejection', reportFatal)
}

function unlisten (): void {
  process.off('newListener', followRejections)
  process.off('removeListener', unfollowRejections)
  process.off('uncaughtExceptionMonitor', reportFatal)
  process.off('unhandledRejection', reportFatal)
  process.off('exit', handOver)
}

// Without a listener a rejection becomes an uncaught exception, which the monitor sees. A listener of ours alone would
// keep the process alive, so ours comes and goes with the app's.
function followRejections (event: string | symbol, listener: unknown): void {
  if (event === 'unhandledRejection' && listener !== reportFatal && !process.listeners('unhandledRejection').includes(reportFatal)) {
    process.on('unhandledRejection', reportFatal)
  }
}

function unfollowRejections (event: string | symbol, listener: unknown): void {
  if (event !== 'unhandledRejection' || listener === reportFatal) return
  const left = process.listeners('unhandledRejection')
  if (left.length === 1 && left[0] === reportFatal) process.off('unhandledRejection', reportFatal)
}

function reportFatal (error: unknown): void {
  const active = context.active()
  const owner = operationOf(active)?.owner
  for (const instance of watched) {
    // One row for one error: the instance whose operation it broke, else the first that wants it.
    if (instance.exceptions === undefined || (owner !== undefined && instance.telemetry !== owner)) continue
    instance.exceptions.report({ error, context: active, severity: Severity.FATAL })
    return
  }
}

function handOver (): void {
  for (const { telemetry, stop } of watched) {
    stop()
    telemetry.drainSync()
  }
}
