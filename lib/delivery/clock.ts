/** The system's clocks and timers, as they are before anyone mocks them. */
import * as timers from 'node:timers'

// Taken when this file is loaded: node:test, Jest and Sinon replace them for the app's tests, which is no reason for
// telemetry to wait for ever, to be late, or to be too old.
export const { setTimeout, clearTimeout, setInterval, clearInterval } = timers
const { hrtime } = process
const RealDate = Date

/** Milliseconds of a clock that nobody sets: for deadlines and waits. Its zero means nothing, and differs by thread in tests. */
export function monotonic (): number {
  const [seconds, nanoseconds] = hrtime()
  return seconds * 1_000 + nanoseconds / 1e6
}

/** Milliseconds since 1970, for what other processes and machines can read. A row's own times follow the app's Date. */
export function wallClock (): number {
  return RealDate.now()
}

/** A promise that another one cannot outlast. */
export async function atMost<T> (promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([promise, new Promise<undefined>(resolve => { timer = setTimeout(resolve, milliseconds, undefined) })])
  } finally {
    clearTimeout(timer)
  }
}
