/** What a query may not do, and that nothing else suffers from it. */
import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import t from 'tap'
import { post, trace } from '../../fixtures/envelopes'
import { startEmulator, type Emulator } from 'fastify-app-insights/emulator'

const HEAVY = 'range a from 1 to 400 step 1 | extend k = 1 | join kind=inner (range b from 1 to 500 step 1 | extend k = 1) on k | extend s = strcat(a, "-", b) | where s has "x" | count'
/** Never ends within a test, and makes no rows. */
const ENDLESS = 'range a from 1 to 2000 step 1 | mv-apply x = range(1, 20000) on (where x == 0) | count'

let emulator: Emulator

// Loading the parser takes its time: all tests share one emulator.
t.before(async () => { emulator = await startEmulator() })
t.teardown(() => emulator.close())

t.test('a wrong query is refused with its place', async t => {
  await t.rejects(emulator.query('requests\n| where durration > 5'), { code: 'FAI_KQL_INVALID', line: 2, column: 9, message: /durration.*line 2, column 9/ })
  await t.rejects(emulator.query('requests | whree x'), { code: 'FAI_KQL_INVALID', line: 1, column: 12 })
  await t.rejects(emulator.query('nosuchtable | count'), { code: 'FAI_KQL_INVALID', message: /nosuchtable/ })
  await t.rejects(emulator.query('requests | where name'), { code: 'FAI_KQL_INVALID', message: /bool/ })
  await t.rejects(emulator.query(''), { code: 'FAI_KQL_INVALID' })
  await t.rejects(emulator.query('traces | extend n = row_number()'), { code: 'FAI_KQL_INVALID', message: /row_number.*serialize/ })
  await t.rejects(emulator.query('print dynamic(1) + 1'), { code: 'FAI_KQL_INVALID', message: /convert/ })
  await t.rejects(emulator.query('print matches = "a" matches regex "("'), { code: 'FAI_KQL_INVALID', message: /regular expression/ })
  await t.rejects(emulator.query('print format_datetime(now(), "Q")'), { code: 'FAI_KQL_INVALID', message: /format/ })
})

t.test('what is not supported is named', async t => {
  for (const [query, name] of [
    ['requests | reduce by name', 'reduce'],
    ['requests | fork (count) (take 1)', 'fork'],
    ['requests | evaluate autocluster()', 'autocluster'],
    ['print series_decompose(dynamic([1,2,3]))', 'series_decompose'],
    ['print parse_user_agent("x", "browser")', 'parse_user_agent'],
    ['externaldata(a:string)["http://127.0.0.1/"]', 'ExternalData'],
    ["app('orders').requests | count", 'app\\(\\)'],
    ["union requests, workspace('shop').AppRequests", 'workspace\\(\\)'],
    ["cluster('help').database('Samples').StormEvents", 'another cluster']
  ] as const) await t.rejects(emulator.query(query), { code: 'FAI_KQL_UNSUPPORTED', message: new RegExp(`${name}.*not supported`), line: 1 }, query)
})

t.test('rows come in while a heavy query runs', async t => {
  const heavy = emulator.query(HEAVY, { timeout: 60_000 })
  let done = false
  void heavy.catch(() => {}).then(() => { done = true })
  await post(emulator.url, [trace('meanwhile')])
  t.notOk(done, 'it still runs')
  t.equal(emulator.items({ message: 'meanwhile' }).length, 1)
  t.strictSame((await heavy).rows, [[0]])
})

t.test('a query ends at its time limit, and the next one finds the rows', async t => {
  emulator.clear()
  await post(emulator.url, [trace('here')])
  await t.rejects(emulator.query(ENDLESS, { timeout: 200 }), { code: 'FAI_KQL_TIMEOUT', message: /longer than 0.2 s/ })
  t.strictSame((await emulator.query('traces | project message')).rows, [['here']])
})

t.test('a query that cannot stop by itself is ended, too', async t => {
  emulator.clear()
  await post(emulator.url, [trace('here')])
  await t.rejects(emulator.query(`print "${'a'.repeat(40)}!" matches regex "^(a+)+$"`, { timeout: 200 }), { code: 'FAI_KQL_TIMEOUT' })
  t.strictSame((await emulator.query('traces | project message')).rows, [['here']])
})

t.test('a query is cancelled by its signal', async t => {
  const gone = new AbortController()
  const query = emulator.query(ENDLESS, { signal: gone.signal })
  setImmediate(() => gone.abort())
  await t.rejects(query, { code: 'FAI_KQL_CANCELLED' })
  await t.rejects(emulator.query('print 1', { signal: AbortSignal.abort() }), { code: 'FAI_KQL_CANCELLED' })
  t.strictSame((await emulator.query('print 1')).rows, [[1]])
})

t.test('a query over HTTP is cancelled by its client leaving', async t => {
  const sent = requestHttp(`${emulator.url}/api/query`, { method: 'POST' })
  sent.on('error', () => {})
  sent.end(ENDLESS)
  await once(sent, 'finish')
  const after = emulator.query('print 1')
  sent.destroy()
  t.strictSame((await after).rows, [[1]], 'the next one has its turn at once')
})

t.test('closing ends what runs', async t => {
  const running = emulator.query(ENDLESS)
  const rejected = t.rejects(running, { code: 'FAI_KQL_CANCELLED' })
  await emulator.close()
  await rejected
  await t.rejects(emulator.query('print 1'), { code: 'FAI_KQL_CANCELLED' })
})
