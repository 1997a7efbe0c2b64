/** How long things may take and how many may be under way, in milliseconds and counts. Not public: tests shorten them. */

export interface Timing {
  /** One exchange with the endpoint, to the end of its answer. */
  requestTimeout: number
  /** The pause after a failed attempt, doubling up to the maximum. */
  backoffBase: number
  backoffMax: number
  /** How long an item stays in memory only, while the endpoint is away. */
  spillAfter: number
  /** Requests under way. */
  parallel: number
  /** Files being sent. */
  parallelFromDisk: number
  /** Items in one body. */
  chunk: number
  /** How long a batch waits for others to fill a body with. */
  gather: number
  /** How often to look for what other processes left behind. */
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

/** Beside the app, long computations are the app's pauses, and rows wait long enough for their batch. */
export const LOCAL_TIMING = Object.freeze({ chunk: 64, gather: 0 })
