/**
 * Who may send or store a sealed batch that the main thread has posted: the worker, or the main thread again.
 *
 *     posted ──(worker claims it)──► claimed ──(sent, stored or dropped)──► settled: the main thread forgets it
 *        │                              │
 *        │                              └──(the worker dies)──► posted to its successor
 *        └──(the main thread reclaims it)──► stored by the main thread; the worker drops it
 *
 * Reclaiming is for process exit, when a worker is stuck or still starting: the main thread is blocked then, and can
 * neither ask nor wait for long. So each worker has one word of shared memory:
 *
 *     FREE ◄──► CLAIMING     by the worker, while it tells the main thread what it claims
 *     FREE ───► RECLAIMED    by the main thread, permanently: the worker may claim nothing more
 *
 * A claim reaches the main thread's port before the word is FREE again. So once the main thread has set RECLAIMED, it
 * reads the claims from the port, and everything else is its own.
 */
const FREE = 0
const CLAIMING = 1
const RECLAIMED = 2
// In milliseconds. Announcing a claim takes microseconds, unless the machine gives the thread no CPU time.
const CLAIMING_TAKES = 50

export function createClaims (): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}

/** In the worker. @returns false if the main thread has reclaimed them and will deal with them */
export function claim (claims: Int32Array, tell: () => void): boolean {
  if (Atomics.compareExchange(claims, 0, FREE, CLAIMING) !== FREE) return false
  try {
    tell()
  } finally {
    Atomics.store(claims, 0, FREE)
    Atomics.notify(claims, 0)
  }
  return true
}

/** On the main thread. @returns false if the worker doesn't let go */
export function reclaim (claims: Int32Array): boolean {
  for (let tries = 0; tries < 2; tries++) {
    if (Atomics.compareExchange(claims, 0, FREE, RECLAIMED) !== CLAIMING) return true
    Atomics.wait(claims, 0, CLAIMING, CLAIMING_TAKES)
  }
  return false
}
