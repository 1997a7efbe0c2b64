/**
 * What `npm start` shows: the emulator, a bookshop and its warehouse that report to it, and a trickle of real requests.
 * `--once` sends one round, prints what arrived, and exits with 1 if a row is missing.
 */
import { parseArgs } from 'node:util'
import { once as happens } from 'node:events'
import { Worker } from 'node:worker_threads'
import { startEmulator } from 'fastify-app-insights/emulator'
import { buildBookshop } from './bookshop/service.mjs'
import { buildWarehouse } from './bookshop/warehouse.mjs'

const PAGE_PORT = 4319

/** What one round must leave behind; the summary says which of it is missing. */
const EXPECTED = [
  { type: 'request', name: 'GET /books', resultCode: '200', success: true },
  { type: 'request', name: 'GET /books/:id', resultCode: '200', customDimensions: { bookTitle: 'Roadside Picnic', deploymentName: 'local' } },
  { type: 'request', name: 'GET /books/:id', resultCode: '404', success: false },
  { type: 'dependency', name: 'GET /stock/2', resultCode: '200', operation_Name: 'GET /books/:id', cloud_RoleName: 'bookshop' },
  { type: 'request', name: 'GET /stock/:id', resultCode: '200', cloud_RoleName: 'warehouse' },
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

function columns (rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map(row => row[at].length)))
  return rows.map(row => '  ' + row.map((cell, at) => cell.padEnd(widths[at])).join('  ').trimEnd()).join('\n')
}

function printSummary (emulator) {
  const requests = emulator.items({ type: 'request' })
  const count = (type, request) => String(emulator.items({ type, operation_Id: request.operation_Id, cloud_RoleName: request.cloud_RoleName }).length)
  console.log('\nWhat arrived\n')
  console.log(columns([
    ['role', 'operation', 'result', 'success', 'ms', 'traces', 'dependencies', 'exceptions', 'events'],
    ...requests.map(request => [
      request.cloud_RoleName, request.name, request.resultCode, String(request.success), request.duration.toFixed(1),
      count('trace', request), count('dependency', request), count('exception', request), count('event', request)
    ])
  ]))
  const total = type => {
    const { length } = emulator.items({ type })
    return `${length} ${length === 1 ? type : type.replace(/y$/, 'ie') + 's'}`
  }
  console.log(`\n  ${['request', 'trace', 'dependency', 'exception', 'event'].map(total).join(', ')}`)
}

/** Colours are for people, and for terminals that have them. */
function paint (code, line) {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[${code}m${line}\u001b[0m` : line
}

const GREEN = 32
const YELLOW = 33
const RED = 31
const DIM = 2

function colourOf ({ type, success, severityLevel }) {
  if (success === false || type === 'exception' || severityLevel >= 3) return RED
  if (severityLevel === 2) return YELLOW
  return type === 'request' ? GREEN : DIM
}

/** One line for each row, as it comes. */
function printLive (emulator) {
  const text = {
    request: row => `${row.resultCode} ${row.duration.toFixed(1)} ms  ${row.url}`,
    trace: row => row.message,
    dependency: row => `${row.resultCode} ${row.duration.toFixed(1)} ms  ${row.name} at ${row.target}`,
    exception: row => `${row.exceptionType}: ${row.outerMessage}`,
    event: row => row.name
  }
  emulator.listen(rows => {
    for (const row of rows.filter(({ type }) => type in text)) {
      const line = [row.type.padEnd(10), (row.operation_Name ?? '').padEnd(20), text[row.type](row)]
      console.log('  ' + paint(colourOf(row), line.join('  ')))
    }
  })
}

const { values: { once } } = parseArgs({ options: { once: { type: 'boolean', default: false } } })
const emulator = await openEmulator(once ? 0 : PAGE_PORT)
const warehouse = await buildWarehouse(emulator.connectionString)
const stock = await warehouse.listen({ port: 0, host: '127.0.0.1' })
const bookshop = await buildBookshop(emulator.connectionString, stock)
const url = await bookshop.listen({ port: 0, host: '127.0.0.1' })
const workerData = once ? { url, between: 0, rounds: 1 } : { url, between: 700, rounds: Infinity }
const visitors = new Worker(new URL('visitors.mjs', import.meta.url), { workerData })
const left = happens(visitors, 'exit')

if (!once) {
  console.log(`\n  Application Insights, emulated:  ${emulator.url}   <- open this page`)
  console.log(`  The bookshop that reports to it: ${url}`)
  console.log('\n  Requests are sent to it all the time; Ctrl-C ends everything.\n')
  printLive(emulator)
  await Promise.race([left, happens(process, 'SIGINT'), happens(process, 'SIGTERM')])
  await visitors.terminate()
}
await left
await bookshop.close()
await warehouse.close()
printSummary(emulator)

if (once) {
  const missing = EXPECTED.filter(row => emulator.items(row).length === 0)
  for (const row of missing) console.error(`  missing: ${JSON.stringify(row)}`)
  const leaked = emulator.items().filter(row => JSON.stringify(row.envelope).includes('not-to-be-seen'))
  for (const row of leaked) console.error(`  a secret of the query arrived: ${row.type} ${row.name ?? row.message}`)
  if (missing.length + leaked.length === 0) console.log('  every expected row is there')
  else process.exitCode = 1
}
await emulator.close()
