/** Apps of this process that answer the same injected requests in turn → CPU time per request, round by round. */
import { setImmediate as turn } from 'node:timers/promises'

/** Rows are packed and dropped at a full queue: the worker thread and the network have no part in it. */
export const NOWHERE = 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:1'
export const DROPPED = { connectionString: NOWHERE, storageDirectory: false, maxQueueSize: 1, closeTimeout: 0 }

/** In microseconds of the process. */
export async function cpuPerRequest (app, url, count) {
  const began = process.cpuUsage()
  for (let n = 0; n < count; n++) {
    await app.inject(url)
    // inject() alone never lets the event loop turn, and what waits for a turn would pile up.
    if (n % 50 === 0) await turn()
  }
  const { user, system } = process.cpuUsage(began)
  return (user + system) / count
}

/** @returns for each app, its times in the order of the rounds */
export async function inTurn (apps, rounds, url, count) {
  const times = apps.map(() => [])
  for (let round = 0; round < rounds; round++) {
    // Each comes first in its turn: whoever follows another pays for its garbage.
    for (let n = 0; n < apps.length; n++) {
      const index = (n + round) % apps.length
      times[index].push(await cpuPerRequest(apps[index], url, count))
    }
  }
  return times
}
