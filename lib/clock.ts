/** The system's clocks and timers, before anyone mocks them. */
import * as timers from 'node:timers'

// Captured when this file loads: node:test, Jest and Sinon replace them for the app's tests, and telemetry must not
// hang, run late or look expired because of that.
export const { setTimeout, clearTimeout, setInterval, clearInterval } = timers
const { hrtime } = process
const RealDate = Date

/** Milliseconds on a clock that can't be changed, for deadlines and waits. Its zero is arbitrary, and differs between threads in tests. */
export function monotonic (): number {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1_000 + nanoseconds / 1e6
}

/** Milliseconds since 1970, for values that other processes and machines read. Row times follow the app's Date. */
export function wallClock (): number {
  return RealDate.now()
}

/** Resolves when `promise` does, or after `milliseconds`. */
export async function atMost<T> (promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([promise, new Promise<undefined>(resolve => { timer = setTimeout(resolve, milliseconds, undefined) })])
  } finally {
    clearTimeout(timer)
  }
}
