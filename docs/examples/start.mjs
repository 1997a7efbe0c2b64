/**
 * What `npm start` shows: the emulator, the bookshop that reports to it, and a trickle of real requests.
 * `--once` sends one round, prints what arrived, and exits with 1 if a row is missing.
 */
import { parseArgs } from 'node:util'
import { setTimeout as pause } from 'node:timers/promises'
import { startEmulator } from 'fastify-app-insights/emulator'
import { buildBookshop } from './bookshop/service.mjs'

const PAGE_PORT = 4319

const ROUND = [
  { path: '/books' },
  { path: '/books/2?ref=mail&token=not-to-be-seen' },
  { path: '/books/99' },
  { path: '/orders', body: { bookId: '1', quantity: 2 } },
  { path: '/orders', body: { bookId: '1' } },
  { path: '/orders', body: { bookId: '3', quantity: 40 } },
  { path: '/reports/sales' },
  { path: '/payments/7' },
  { path: '/wp-login.php' },
  { path: '/health' }
]

/** What one round must leave behind; the summary says which of it is missing. */
const EXPECTED = [
  { type: 'request', name: 'GET /books', resultCode: '200', success: true },
  { type: 'request', name: 'GET /books/:id', resultCode: '200', customDimensions: { bookTitle: 'Roadside Picnic', deploymentName: 'local' } },
  { type: 'request', name: 'GET /books/:id', resultCode: '404', success: false },
  { type: 'request', name: 'POST /orders', resultCode: '201', success: true },
  { type: 'request', name: 'POST /orders', resultCode: '400', success: false },
  { type: 'request', name: 'POST /orders', resultCode: '409', success: false },
  { type: 'request', name: 'GET /reports/sales', resultCode: '200' },
  { type: 'request', name: 'GET /payments/:id', resultCode: '500', success: false },
  { type: 'request', name: 'GET (unmatched)', resultCode: '404' },
  { type: 'trace', message: 'book read', operation_Name: 'GET /books/:id', customDimensions: { bookId: '2', price: '9.9' } },
  { type: 'trace', message: 'order placed', operation_Name: 'POST /orders', customDimensions: { quantity: '2' } },
  { type: 'trace', message: 'report was slow', severityLevel: 2 },
  { type: 'event', name: 'OrderPlaced', operation_Name: 'POST /orders' },
  { type: 'exception', exceptionType: 'Error', outerMessage: 'bank did not answer', operation_Name: 'GET /payments/:id' }
]

async function openEmulator (port) {
  try {
    return await startEmulator({ port })
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error
    return await startEmulator()
  }
}

async function sendRound (url, between) {
  for (const { path, body } of ROUND) {
    const init = body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(url + path, init)
    await response.arrayBuffer()
    if (between > 0) await pause(between, undefined, { signal: stopping.signal })
  }
}

const stopping = new AbortController()
process.once('SIGINT', () => stopping.abort())
process.once('SIGTERM', () => stopping.abort())

function columns (rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map(row => row[at].length)))
  return rows.map(row => '  ' + row.map((cell, at) => cell.padEnd(widths[at])).join('  ').trimEnd()).join('\n')
}

function printSummary (emulator) {
  const requests = emulator.items({ type: 'request' })
  const count = (type, request) => String(emulator.items({ type, operation_Id: request.operation_Id }).length)
  console.log('\nWhat arrived\n')
  console.log(columns([
    ['operation', 'result', 'success', 'ms', 'traces', 'exceptions', 'events'],
    ...requests.map(request => [
      request.name, request.resultCode, String(request.success), request.duration.toFixed(1),
      count('trace', request), count('exception', request), count('event', request)
    ])
  ]))
  const total = type => {
    const { length } = emulator.items({ type })
    return `${length} ${type}${length === 1 ? '' : 's'}`
  }
  console.log(`\n  ${['request', 'trace', 'exception', 'event'].map(total).join(', ')}`)
}

/** One line for each row, as it comes. */
function printLive (emulator) {
  const text = {
    request: row => `${row.resultCode} ${row.duration.toFixed(1)} ms  ${row.url}`,
    trace: row => row.message,
    exception: row => `${row.exceptionType}: ${row.outerMessage}`,
    event: row => row.name
  }
  emulator.listen(rows => {
    for (const row of rows) {
      const line = [row.type.padEnd(10), (row.operation_Name ?? '').padEnd(20), text[row.type]?.(row) ?? row.name ?? '']
      console.log('  ' + line.join('  '))
    }
  })
}

const { values: { once } } = parseArgs({ options: { once: { type: 'boolean', default: false } } })
const emulator = await openEmulator(once ? 0 : PAGE_PORT)
const app = await buildBookshop(emulator.connectionString)
await app.listen({ port: 0, host: '127.0.0.1' })
const url = `http://127.0.0.1:${app.server.address().port}`

if (once) {
  await sendRound(url, 0)
  await app.close()
  printSummary(emulator)
  const missing = EXPECTED.filter(row => emulator.items(row).length === 0)
  for (const row of missing) console.error(`  missing: ${JSON.stringify(row)}`)
  const leaked = emulator.items().filter(row => JSON.stringify(row.envelope).includes('not-to-be-seen'))
  for (const row of leaked) console.error(`  a secret of the query arrived: ${row.type} ${row.name ?? row.message}`)
  if (missing.length + leaked.length === 0) console.log('  every expected row is there')
  else process.exitCode = 1
} else {
  console.log(`\n  Application Insights, emulated:  ${emulator.url}   <- open this page`)
  console.log(`  The bookshop that reports to it: ${url}`)
  console.log('\n  Requests are sent to it all the time; Ctrl-C ends everything.\n')
  printLive(emulator)
  try {
    while (!stopping.signal.aborted) await sendRound(url, 700)
  } catch (error) {
    if (error.name !== 'AbortError') throw error
  }
  await app.close()
  printSummary(emulator)
}
await emulator.close()
