/** Sends rounds of real requests to the bookshop, from a thread of its own: what it calls are nobody's dependencies. */
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

const ROUND = [
  { path: '/books' },
  { path: '/books/2?ref=mail&token=not-to-be-seen' },
  { path: '/books/99' },
  { path: '/books/3' },
  { path: '/orders', body: { bookId: '1', quantity: 2 } },
  { path: '/orders', body: { bookId: '1' } },
  { path: '/orders', body: { bookId: '3', quantity: 40 } },
  { path: '/reports/sales' },
  { path: '/payments/7' },
  { path: '/wp-login.php' },
  { path: '/health' }
]

const { url, between, rounds } = workerData

for (let round = 0; round < rounds; round++) {
  for (const { path, body } of ROUND) {
    const init = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(url + path, init)
    await response.arrayBuffer()
    await pause(between)
  }
}
parentPort.close()
