import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { post, trace } from '../fixtures/envelopes'

async function start (t: Test) {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  return emulator
}

t.test('a status is answered until told otherwise, and no row is kept', async t => {
  const emulator = await start(t)
  emulator.respondWith(503)
  t.equal((await post(emulator.url, [trace()])).status, 503)
  t.match(await post(emulator.url, [trace()]), { status: 503, body: { itemsReceived: 1, itemsAccepted: 0 } })
  emulator.respondWith()
  t.equal((await post(emulator.url, [trace()])).status, 200)
  t.equal(emulator.items().length, 1)
  t.match(emulator.posts, [{ status: 503, accepted: 0 }, { status: 503 }, { status: 200, accepted: 1 }])
})

t.test('answers come in their order, each as often as asked, and then the real ones', async t => {
  const emulator = await start(t)
  emulator.respondWith({ status: 429, headers: { 'retry-after': '5' }, times: 2 }, 500, { status: 503, times: 1 })
  const answers = []
  for (let index = 0; index < 5; index++) answers.push(await post(emulator.url, [trace()]))
  t.strictSame(answers.map(answer => answer.status), [429, 429, 500, 503, 200])
  t.equal(answers[0].headers.get('retry-after'), '5')
})

t.test('some items are refused, the others are kept', async t => {
  const emulator = await start(t)
  emulator.respondWith({ errors: [{ index: 1, statusCode: 503, message: 'try later' }], times: 1 })
  const answer = await post(emulator.url, [trace('a'), trace('b'), trace('c')])
  t.equal(answer.status, 206)
  t.strictSame(answer.body, { itemsReceived: 3, itemsAccepted: 2, errors: [{ index: 1, statusCode: 503, message: 'try later' }] })
  t.strictSame(emulator.items().map(row => row.message), ['a', 'c'])
})

t.test('a function decides from what was sent', async t => {
  const emulator = await start(t)
  emulator.respondWith(async ({ items, index, path }) => index === 0 ? { status: 206, errors: items.map((_, index) => ({ index, statusCode: 439 })) } : path === '/v2/track' ? 402 : undefined)
  t.match(await post(emulator.url, [trace(), trace()]), { status: 206, body: { itemsAccepted: 0, errors: [{ index: 0, statusCode: 439 }, { index: 1 }] } })
  t.equal((await post(emulator.url, [trace()], { path: '/v2/track' })).status, 402)
  t.equal((await post(emulator.url, [trace()])).status, 200)
})

t.test('a delay holds the answer back', async t => {
  const emulator = await start(t)
  emulator.respondWith({ delay: 60 })
  const before = performance.now()
  t.equal((await post(emulator.url, [trace()])).status, 200)
  t.ok(performance.now() - before >= 55)
  t.equal(emulator.items().length, 1)
})

t.test('a reset breaks the connection, with the rows lost or taken', async t => {
  const emulator = await start(t)
  emulator.respondWith({ reset: true, times: 1 }, { reset: true, keep: true })
  await t.rejects(post(emulator.url, [trace('lost')]))
  await t.rejects(post(emulator.url, [trace('taken')]))
  t.strictSame(emulator.items().map(row => row.message), ['taken'])
  t.match(emulator.posts, [{ status: 0, accepted: 0 }, { status: 0, accepted: 1 }])
})

t.test('a body and headers of any kind can be answered', async t => {
  const emulator = await start(t)
  emulator.respondWith({ status: 307, headers: { location: `${emulator.url}/v2.1/elsewhere` } })
  const response = await fetch(`${emulator.url}/v2.1/track`, { method: 'POST', body: JSON.stringify(trace()), redirect: 'manual' })
  t.equal(response.status, 307)
  emulator.respondWith({ status: 200, body: 'not JSON' })
  const odd = await fetch(`${emulator.url}/v2.1/track`, { method: 'POST', body: JSON.stringify(trace()) })
  t.equal(await odd.text(), 'not JSON')
})
