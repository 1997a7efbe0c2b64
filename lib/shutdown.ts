/** The process is ending → what is pending is sent or stored, and the fatal error is reported. */
import { context } from './tracing/context'
import type { Exceptions } from './exceptions'
import { operationOf } from './tracing/operation'
import type { Instance } from './instance'
import { Severity } from './rows/severity'

export interface Watched {
  readonly telemetry: Instance
  /** undefined where uncaught errors are not to be reported. */
  readonly exceptions: Exceptions | undefined
  /** Closes the requests that are still open. */
  readonly stop: () => void
}

// A process ends once, for all instances in it.
const watched = new Set<Watched>()

// The signals that end a process which does not handle them, and how long they may be held up, in milliseconds: whoever
// presses Ctrl-C is waiting. The kernel does not end process 1 of a container this way, and on Windows a process cannot
// pass a signal on.
const SIGNALS: ReadonlyMap<string | symbol, number> = process.pid === 1 || process.platform === 'win32'
  ? new Map()
  : new Map([['SIGTERM', Infinity], ['SIGINT', 1_000]])

// Also set on the handler of another copy of this module, in a tree of dependencies that disagree about its version.
const kSignalHandler = Symbol.for('fastify-app-insights.signalHandler')
const signalHandler = Object.assign(endBySignal, { [kSignalHandler]: true })

// Test runners replace it.
const { nextTick } = process
const dueForReview = new Set<NodeJS.Signals>()

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
  process.on('exit', drain)
  process.on('newListener', followRejections)
  process.on('removeListener', unfollowRejections)
  process.on('newListener', followSignals)
  process.on('removeListener', followSignals)
  for (const signal of SIGNALS.keys()) if (!isHandledByApp(signal as NodeJS.Signals)) addSignalHandler(signal as NodeJS.Signals)
  if (process.listenerCount('unhandledRejection') > 0) process.on('unhandledRejection', reportFatal)
}

function unlisten (): void {
  process.off('newListener', followRejections)
  process.off('removeListener', unfollowRejections)
  process.off('newListener', followSignals)
  process.off('removeListener', followSignals)
  for (const signal of SIGNALS.keys()) process.off(signal, signalHandler)
  process.off('uncaughtExceptionMonitor', reportFatal)
  process.off('unhandledRejection', reportFatal)
  process.off('exit', drain)
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

/**
 * A handler of ours is there only while the app has none: libraries such as signal-exit end the process themselves, but
 * only if nobody else listens. It is exchanged a tick later, never here: within `newListener` the app's listener is not
 * added yet, and Node.js would stop watching a signal that nobody listens to, for good. No signal is delivered before
 * the tick is over.
 */
function followSignals (event: string | symbol, listener: (...args: never[]) => unknown): void {
  // Another copy's handler is no reason to do anything.
  if (!SIGNALS.has(event) || (kSignalHandler in listener && listener !== signalHandler)) return
  if (dueForReview.size === 0) nextTick(reviewSignalHandlers)
  dueForReview.add(event as NodeJS.Signals)
}

function reviewSignalHandlers (): void {
  const signals = [...dueForReview]
  dueForReview.clear()
  if (watched.size === 0) return
  for (const signal of signals) {
    if (isHandledByApp(signal)) process.off(signal, signalHandler)
    else addSignalHandler(signal)
  }
}

function addSignalHandler (signal: NodeJS.Signals): void {
  if (!process.listeners(signal).includes(signalHandler)) process.on(signal, signalHandler)
}

function isHandledByApp (signal: NodeJS.Signals): boolean {
  return process.listeners(signal).some(listener => !(kSignalHandler in listener))
}

function endBySignal (signal: NodeJS.Signals): void {
  // Someone emits the signal themselves, in the tick in which a listener came or went.
  if (dueForReview.has(signal) || isHandledByApp(signal)) return
  drain(undefined, SIGNALS.get(signal))
  unlisten()
  // The last of several copies of this module ends the process as the signal would have done.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}

/** @param _code of a process that exits */
function drain (_code?: number, atMost = Infinity): void {
  for (const { telemetry, stop } of watched) {
    stop()
    telemetry.drainSync(atMost)
  }
}
