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
