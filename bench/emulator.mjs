/** The emulator with 100,000 rows: ingest rate, memory, how fast it answers, how fast the page shows them. */
import { existsSync } from 'node:fs'
import { startEmulator } from '../dist/emulator/index.js'

const ROWS = 100_000
const BATCH = 500
const KEY = '00000000-0000-0000-0000-000000000000'

function batch (from) {
  return JSON.stringify(Array.from({ length: BATCH }, (_, index) => {
    const n = from + index
    const tags = { 'ai.operation.id': String(Math.floor(n / 5)).padStart(32, '0'), 'ai.operation.name': `GET /items/${n % 40}/:id`, 'ai.cloud.role': `service-${n % 3}`, 'ai.cloud.roleInstance': 'host-1', 'ai.internal.sdkVersion': 'node20:otel2:ext1' }
    const item = (baseType, baseData) => ({ ver: 1, name: `Microsoft.ApplicationInsights.${baseType}`, time: new Date().toISOString(), sampleRate: 100, iKey: KEY, tags, data: { baseType, baseData: { ver: 2, ...baseData } } })
    return n % 5 === 0
      ? item('RequestData', { id: String(n).padStart(16, '0'), name: tags['ai.operation.name'], url: `http://shop.test:3000/items/${n}?page=1`, responseCode: n % 50 === 0 ? '500' : '200', success: n % 50 !== 0, duration: `00:00:00.${String(n % 900).padStart(3, '0')}0000`, properties: { tenant: `tenant-${n % 20}` } })
      : item('MessageData', { message: `line ${n} of the log with some words in it`, severityLevel: 'Information', properties: { reqId: `req-${n}`, tenant: `tenant-${n % 20}`, step: String(n % 7) } })
  }))
}

async function timed (work) {
  const before = performance.now()
  await work()
  return performance.now() - before
}

const memory = () => {
  globalThis.gc?.()
  return process.memoryUsage().rss / 1e6
}

const emulator = await startEmulator()
const bodies = Array.from({ length: ROWS / BATCH }, (_, index) => batch(index * BATCH))
const before = memory()
const post = async body => await (await fetch(`${emulator.url}/v2.1/track`, { method: 'POST', body })).json()
const ingest = await timed(async () => { for (const body of bodies) await post(body) })
const ask = async path => await (await fetch(emulator.url + path)).json()
const report = {
  'rows a second, one client posting batches of 500': Math.round(ROWS / ingest * 1_000),
  'memory for 100,000 rows (MB)': Math.round(memory() - before),
  'text of the rows (MB)': Math.round(emulator.items({ itemId: 1 }).length && (await ask('/api/lines?limit=1')).bytes / 1e6),
  'first list of 100 (ms)': await timed(() => ask('/api/lines?limit=100')),
  'a piece from the middle (ms)': await timed(() => ask('/api/lines?offset=50000&limit=100')),
  'filter by kind, first time (ms)': await timed(() => ask('/api/lines?type=request&limit=100')),
  'free text, first time (ms)': await timed(() => ask('/api/lines?text=line+77777&limit=100')),
  'free text, again (ms)': await timed(() => ask('/api/lines?text=line+77777&limit=100')),
  'performance view (ms)': await timed(() => ask('/api/performance')),
  // The first query loads the parser, and hands all rows to the thread that queries.
  'KQL, the first query (ms)': await timed(() => emulator.query('traces | count')),
  'KQL, where and summarize by bin (ms)': await timed(() => emulator.query("union traces, requests | where customDimensions.tenant == 'tenant-3' | summarize count() by bin(timestamp, 1m), itemType")),
  'KQL, requests joined with their lines (ms)': await timed(() => emulator.query('requests | where success == false | join kind=inner traces on operation_Id | summarize lines = count() by operation_Name'))
}

if (existsSync('/usr/bin/chromium')) {
  const { chromium } = await import('playwright-core')
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
  const page = await browser.newPage({ viewport: { width: 1360, height: 800 } })
  report['page: from opening to the first row (ms)'] = await timed(async () => {
    await page.goto(emulator.url)
    await page.waitForSelector('.line .time')
  })
  const frames = await page.evaluate(async () => {
    const grid = document.querySelector('.grid')
    const times = []
    let last = performance.now()
    for (let step = 0; step < 120; step++) {
      grid.scrollTop += 400
      await new Promise(resolve => globalThis.requestAnimationFrame(resolve))
      times.push(performance.now() - last)
      last = performance.now()
    }
    return times.sort((a, b) => a - b)
  })
  report['page: a frame while scrolling, median (ms)'] = frames[60]
  report['page: a frame while scrolling, 95th percentile (ms)'] = frames[114]
  report['page: from typing a filter to its rows (ms)'] = await timed(async () => {
    await page.fill('input[type=search]', '"line 4321 of"')
    await page.waitForFunction(() => document.querySelectorAll('.line').length === 1)
  })
  report['page: heap (MB)'] = Math.round(await page.evaluate(() => performance.memory.usedJSHeapSize / 1e6))
  await browser.close()
}
for (const [what, value] of Object.entries(report)) console.log(`${what.padEnd(56)} ${Number(value).toFixed(value < 20 && !Number.isInteger(value) ? 1 : 0).padStart(8)}`)
await emulator.close()
