/** Time limits in milliseconds, and concurrency limits. Not public: tests shorten them. */

export interface Timing {
  /** One exchange with the endpoint, until its answer is complete. */
  requestTimeout: number
  /** The pause after a failed attempt. Doubles up to the maximum. */
  backoffBase: number
  backoffMax: number
  /** How long an item stays only in memory while the endpoint is unavailable. */
  spillAfter: number
  /** Concurrent requests. */
  parallel: number
  /** Files sent concurrently. */
  parallelFromDisk: number
  /** Items per body. */
  chunk: number
  /** How long a batch waits for others to fill up a body. */
  gather: number
  /** How often to look for files that other processes left behind. */
  claimEvery: number
  compress: boolean
}

export const TIMING: Readonly<Timing> = Object.freeze({
  requestTimeout: 10_000,
  backoffBase: 500,
  backoffMax: 8_000,
  spillAfter: 2_000,
  parallel: 16,
  parallelFromDisk: 4,
  chunk: 512,
  gather: 100,
  claimEvery: 60_000,
  compress: true
})

/** On the app's thread, long computations block the app, and rows have already waited long enough for their batch. */
export const LOCAL_TIMING = Object.freeze({ chunk: 64, gather: 0 })
