/** The end of the process → pending rows are sent or stored, and a fatal error is reported. */
import { context } from './tracing/context'
import type { Exceptions } from './exceptions'
import { operationOf } from './tracing/operation'
import type { Instance } from './instance'
import { Severity } from './rows/severity'

export interface Watched {
  readonly telemetry: Instance
  /** Undefined if uncaught errors aren't reported. */
  readonly exceptions: Exceptions | undefined
  /** Closes the requests that are still open. */
  readonly stop: () => void
}

// One set per process, because it ends for all its instances at once.
const watched = new Set<Watched>()

// Signals that end a process without a handler, and how many milliseconds we may delay them: someone who presses Ctrl-C
// is waiting. The kernel doesn't end process 1 of a container this way, and on Windows a process can't send itself
// the signal again.
const SIGNALS: ReadonlyMap<string | symbol, number> = process.pid === 1 || process.platform === 'win32'
  ? new Map()
  : new Map([['SIGTERM', Infinity], ['SIGINT', 1_000]])

// Other copies of this module mark their handlers too: dependencies may need different versions of the plugin.
const kSignalHandler = Symbol.for('fastify-app-insights.signalHandler')
const signalHandler = Object.assign(endBySignal, { [kSignalHandler]: true })

// Captured because test runners replace it.
const { nextTick } = process
const dueForReview = new Set<NodeJS.Signals>()

/** @returns a function that undoes it */
export function watch (instance: Watched): () => void {
  if (watched.size === 0) listen()
  watched.add(instance)
  return function unwatch () {
    if (watched.delete(instance) && watched.size === 0) unlisten()
  }
}

function listen (): void {
  // A monitor sees the error without changing what the process does next.
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

// Without a listener, a rejection becomes an uncaught exception, which the monitor sees. Our listener alone would keep
// the process alive, so it is only added while the app has one.
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
    // One row per error, from the instance whose operation failed, or else the first that reports uncaught errors.
    if (instance.exceptions === undefined || (owner !== undefined && instance.telemetry !== owner)) continue
    instance.exceptions.report({ error, context: active, severity: Severity.FATAL })
    return
  }
}

/**
 * Our handler is only added while the app has none: libraries such as signal-exit end the process themselves, but only
 * if they are the only listener. It is added or removed a tick later: inside `newListener`, the app's listener isn't
 * added yet, and Node.js would permanently stop watching a signal without listeners. No signal is delivered before
 * the tick is over.
 */
function followSignals (event: string | symbol, listener: (...args: never[]) => unknown): void {
  // Handlers of other copies of this module don't count as the app's.
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
  // The app emitted the event itself, in the same tick in which a listener was added or removed.
  if (dueForReview.has(signal) || isHandledByApp(signal)) return
  drain(undefined, SIGNALS.get(signal))
  unlisten()
  // The last copy of this module ends the process the way the signal would have.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}

/** @param _code the exit code; `exit` listeners get it as their first argument */
function drain (_code?: number, atMost = Infinity): void {
  for (const { telemetry, stop } of watched) {
    stop()
    telemetry.drainSync(atMost)
  }
}
