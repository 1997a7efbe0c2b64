/** The process is ending → what is pending is handed over, and the fatal error is reported. */
import type { Exceptions } from './exceptions'
import { operationOf } from './tracing/operation'
import { context } from './tracing/context'
import type { Instance } from './tracing/instance'
import { Severity } from './logs/severity'

export interface Watched {
  readonly telemetry: Instance
  /** undefined where uncaught errors are not to be reported. */
  readonly exceptions: Exceptions | undefined
  /** Closes the requests that are still open. */
  readonly stop: () => void
}

// A process ends once, for all instances in it.
const watched = new Set<Watched>()

// What ends a process that does not handle it. Whoever presses Ctrl-C waits for the answer. Process 1 of a container is
// not ended by them, and on Windows the second signal would be another one.
const SIGNALS: ReadonlyMap<string | symbol, { atMost: number }> = process.pid === 1 || process.platform === 'win32'
  ? new Map()
  : new Map([['SIGTERM', { atMost: Infinity }], ['SIGINT', { atMost: 1_000 }]])

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
  for (const signal of SIGNALS.keys()) standIn(signal)
  process.on('newListener', followRejections)
  process.on('removeListener', unfollowRejections)
  process.on('newListener', giveWay)
  process.on('removeListener', standIn)
  if (process.listenerCount('unhandledRejection') > 0) process.on('unhandledRejection', reportFatal)
}

function unlisten (): void {
  process.off('newListener', followRejections)
  process.off('removeListener', unfollowRejections)
  process.off('newListener', giveWay)
  process.off('removeListener', standIn)
  for (const signal of SIGNALS.keys()) process.off(signal, endBySignal)
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

// A listener keeps a signal from ending the process, so ours is there only while there is none of the app's, and then
// the signal comes a second time.
function standIn (event: string | symbol, removed?: unknown): void {
  if (SIGNALS.has(event) && removed !== endBySignal && process.listenerCount(event) === 0) process.on(event, endBySignal)
}

function giveWay (event: string | symbol, listener: unknown): void {
  if (SIGNALS.has(event) && listener !== endBySignal) process.off(event, endBySignal)
}

function endBySignal (signal: NodeJS.Signals): void {
  handOver(undefined, SIGNALS.get(signal)?.atMost)
  // All of it: a second copy of this module would take its turn, and we ours, for ever.
  unlisten()
  process.kill(process.pid, signal)
}

/** @param _code of a process that exits */
function handOver (_code?: number, atMost = Infinity): void {
  for (const { telemetry, stop } of watched) {
    stop()
    telemetry.drainSync(atMost)
  }
}
