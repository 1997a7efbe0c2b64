import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { exception, post, request, trace } from '../fixtures/envelopes'

async function start (t: Test) {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  return emulator
}

t.test('waits for a row that is still to come, and finds one that is here', async t => {
  const emulator = await start(t)
  const coming = emulator.waitFor({ type: 'trace', message: 'second' })
  await post(emulator.url, [trace('first')])
  await post(emulator.url, [trace('second')])
  t.equal((await coming).itemId, 2)
  t.equal((await emulator.waitFor({ message: 'first' })).itemId, 1)
})

t.test('matches by part, by pattern, by function, and by absence', async t => {
  const emulator = await start(t)
  await post(emulator.url, [request({ properties: { tenant: 'acme', reqId: 'req-1' } }), trace('user read')])
  t.ok(await emulator.waitFor({ type: 'request', duration: ms => ms > 10, url: /plan=pro/, customDimensions: { tenant: 'acme', reqId: /^req-/ } }))
  t.ok(await emulator.waitFor(row => row.message === 'user read'))
  t.equal(emulator.items({ operation_ParentId: undefined }).length, 2)
  t.equal(emulator.items({ customDimensions: { tenant: undefined } }).length, 1)
  t.equal(emulator.items({ type: 'request', resultCode: '500' }).length, 0)
  const global = /user/g
  t.equal(emulator.items({ message: global }).length, emulator.items({ message: global }).length, 'a global pattern has no memory')
})

t.test('waits for as many rows as asked', async t => {
  const emulator = await start(t)
  const coming = emulator.waitFor({ type: 'trace' }, { count: 3 })
  await post(emulator.url, [trace('a'), request(), trace('b')])
  await post(emulator.url, [trace('c'), trace('d')])
  t.strictSame((await coming).map(row => row.message), ['a', 'b', 'c'])
})

t.test('a wait that fails shows what did arrive', async t => {
  const emulator = await start(t)
  await post(emulator.url, [request({ responseCode: '200' }), exception(), trace('with a\nbreak and \u001b[31mcolour')])
  await post(emulator.url, 'nonsense')
  const error = await emulator.waitFor({ type: 'request', resultCode: '499', url: /users/ }, { timeout: 20 }).then(() => t.fail(), (error: Error) => error) as Error
  t.match(error, { code: 'FAI_EMULATOR_TIMEOUT' })
  t.match(error.message, /No row matched \{ type: 'request', resultCode: '499', url: \/users\/ \} within 20 ms/)
  t.match(error.message, /3 rows arrived:/)
  t.match(error.message, /request +GET \/users\/:id +200 +12\.5 ms/)
  t.match(error.message, /exception +TypeError: no user/)
  t.match(error.message, /trace +information: with a break and +\[31mcolour/)
  t.match(error.message, /2 posts came, not taken: 400/)
  t.match(error.stack, /waiting\.test\.ts/, 'and where it was asked')

  await t.rejects(emulator.waitFor({ type: 'trace' }, { count: 2, timeout: 20 }), /Only 1 of 2 rows matched/)
  emulator.clear()
  await t.rejects(emulator.waitFor({}, { timeout: 20 }), /No rows arrived/)
})

t.test('a function that throws fails the wait', async t => {
  const emulator = await start(t)
  const waiting = emulator.waitFor(() => { throw new Error('mine') })
  await post(emulator.url, [trace()])
  await t.rejects(waiting, /mine/, 'also one that nobody looked at in the meantime')
})

t.test('closing ends what waits, whoever is connected', async t => {
  const emulator = await startEmulator()
  const waiting = t.rejects(emulator.waitFor({}), /before the emulator was closed/)
  const live = await fetch(`${emulator.url}/api/live`)
  emulator.respondWith({ hang: true })
  const hanging = t.rejects(post(emulator.url, [trace()]))
  await live.body?.getReader().read()
  while (emulator.posts.length === 0) await new Promise(resolve => setImmediate(resolve))
  await emulator.close()
  await emulator.close()
  await waiting
  await hanging
})
