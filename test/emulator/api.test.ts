import { pbkdf2 } from 'node:crypto'
import { appendFileSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { dependency, exception, post, request, trace } from '../fixtures/envelopes'

async function start (t: Test) {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  return {
    emulator,
    rows: async (query: string) => await (await fetch(`${emulator.url}/api/rows?${query}`)).json() as Array<{ itemId: number }>
  }
}

t.test('rows are offered as JSON, newest first, filtered and in pieces', async t => {
  const { emulator, rows } = await start(t)
  await post(emulator.url, [
    request(), request({ success: false, responseCode: '500' }), trace('user read', { properties: { tenant: 'Acme "Ltd"' } }),
    trace('late', { severityLevel: 'Error' }), exception({}, { tags: { 'ai.cloud.role': 'worker', 'ai.operation.id': 'other' } }), dependency()
  ])
  const ids = async (query: string) => (await rows(query)).map(row => row.itemId)
  t.strictSame(await ids(''), [6, 5, 4, 3, 2, 1])
  t.strictSame(await ids('type=request,dependency'), [6, 2, 1])
  t.strictSame(await ids('failed=1'), [6, 5, 4, 2])
  t.strictSame(await ids('severity=3'), [5, 4])
  t.strictSame(await ids('role=worker'), [5])
  t.strictSame(await ids('operation=other'), [5])
  t.strictSame(await ids('code=500'), [2])
  t.strictSame(await ids('limit=2&offset=1'), [5, 4])
  t.strictSame(await ids('upTo=3&limit=1'), [3])
  t.strictSame(await ids('from=2100-01-01'), [])
  t.strictSame(await ids('text=ACME+%22lt'), [3], 'text in any case, quotes and all')
  t.strictSame(await ids('text=readUser'), [5], 'also in a stack')
  t.strictSame(await ids('text=tenant'), [3], 'also the name of a dimension')
  t.strictSame(await ids('text=severityLevel'), [], 'but not the words of the envelope itself')
  t.strictSame(await ids('text=RequestData'), [])
  t.strictSame(await ids('type=nonsense&severity=x&from=y'), [6, 5, 4, 3, 2, 1], 'what cannot be read is passed over')
  const one = await (await fetch(`${emulator.url}/api/rows/3`)).json()
  t.match(one, { type: 'trace', message: 'user read' })
})

t.test('a selection that is asked for again follows what comes and goes', async t => {
  const emulator = await startEmulator({ maxRows: 3 })
  t.teardown(() => emulator.close())
  const ask = async () => (await (await fetch(`${emulator.url}/api/rows?type=trace`)).json() as Array<{ message: string }>).map(row => row.message)
  t.strictSame(await ask(), [])
  await post(emulator.url, [trace('a'), request(), trace('b')])
  t.strictSame(await ask(), ['b', 'a'])
  await post(emulator.url, [trace('c'), trace('d')])
  t.strictSame(await ask(), ['d', 'c', 'b'])
  await fetch(`${emulator.url}/api/rows`, { method: 'DELETE' })
  t.strictSame(await ask(), [])
  await post(emulator.url, [trace('e')])
  t.strictSame(await ask(), ['e'])
})

t.test('who watches is told of new rows', async t => {
  const { emulator } = await start(t)
  const response = await fetch(`${emulator.url}/api/live`)
  t.match(response.headers.get('content-type'), 'text/event-stream')
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  t.teardown(() => reader?.cancel())
  t.match((await reader?.read())?.value, '"last":0')
  await post(emulator.url, [trace(), trace()])
  t.match((await reader?.read())?.value, '"last":2')
})

t.test('rows are kept in a file, a torn line and clearing included', async t => {
  const file = join(t.testdir(), 'data.ndjson')
  const first = await startEmulator({ file })
  await post(first.url, [trace('kept'), request()])
  await first.close()
  if (process.platform !== 'win32') t.equal(statSync(file).mode & 0o077, 0, 'and nobody else may read it')
  appendFileSync(file, '{"name":"torn')

  const second = await startEmulator({ file })
  t.strictSame(second.items().map(row => row.type), ['trace', 'request'])
  t.strictSame(second.items()[0].itemId, 1, 'with the same places, so that links still lead there')
  await post(second.url, [trace('beside the torn one')])
  await second.close()
  const again = await startEmulator({ file })
  t.strictSame(again.items().map(row => row.message), ['kept', undefined, 'beside the torn one'])
  again.clear()
  await post(again.url, [trace('after')])
  await again.close()

  const third = await startEmulator({ file, maxRows: 1 })
  t.strictSame(third.items().map(row => row.message), ['after'])
  await third.close()
  await t.rejects(startEmulator({ file: join(file, 'no', 'such') }))
})

t.test('rows that are cleared as soon as they have come are not in the file', async t => {
  const file = join(t.testdir(), 'data.ndjson')
  const first = await startEmulator({ file })
  first.listen(() => first.clear())
  // As on a machine whose disk is slow: no thread is left to write.
  const busy = Array.from({ length: 4 }, async () => await promisify(pbkdf2)('', '', 500_000, 64, 'sha512'))
  await post(first.url, [trace('gone')])
  await Promise.all([first.close(), ...busy])
  t.equal(statSync(file).size, 0)
})

t.test('a file that holds something else is refused, and stays as it is', async t => {
  for (const text of ['# Notes\n\nimportant\n', '{ "name": "shop", "version": "1.0.0" }', '{"level":30,"msg":"a line of pino"}\n']) {
    const file = join(t.testdir({ notes: text }), 'notes')
    await t.rejects(startEmulator({ file }), { message: /notes has no rows in it/ })
    t.equal(readFileSync(file, 'utf8'), text)
  }
  const blank = join(t.testdir({ blank: '\n' }), 'blank')
  await (await startEmulator({ file: blank })).close()
})

t.test('export and import are each other\'s opposite', async t => {
  const { emulator } = await start(t)
  await post(emulator.url, [trace('a'), request(), exception()])
  const exported = await (await fetch(`${emulator.url}/api/export?type=trace,exception`)).text()
  t.equal(exported.trim().split('\n').length, 2)
  emulator.clear()
  const answer = await fetch(`${emulator.url}/api/import`, { method: 'POST', body: exported })
  t.match(await answer.json(), { itemsReceived: 2, itemsAccepted: 2 })
  t.strictSame(emulator.items().map(row => row.type), ['trace', 'exception'])
  t.equal((await fetch(`${emulator.url}/api/import`, { method: 'POST', body: 'nonsense' })).status, 400)
})

t.test('sums count what sampling stands for', async t => {
  const { emulator } = await start(t)
  const seconds = (s: number) => `00:00:0${s}.0000000`
  await post(emulator.url, [1, 2, 3, 4].map(s => request({ duration: seconds(s), success: s < 4 }, { sampleRate: 50 })))
  const performance = await (await fetch(`${emulator.url}/api/performance`)).json()
  t.match(performance, { operations: [{ name: 'GET /users/:id', count: 8, failed: 2, p50: 2_000, p95: 4_000, p99: 4_000, slowest: 4, lastFailed: 4 }] })
  const failures = await (await fetch(`${emulator.url}/api/failures`)).json()
  t.match(failures, { total: 8, failed: 2, codes: [{ type: 'request', resultCode: '200', count: 2 }], operations: [{ count: 8, failed: 2 }] })
  const health = await (await fetch(`${emulator.url}/api/health`)).json()
  t.match(health, { findings: [{ verdict: 'sampled', count: 4, examples: [1, 2, 3, 4] }] })
})
