/** The search language, asked over HTTP as the page does. */
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { dependency, envelope, exception, post, request, trace } from '../fixtures/envelopes'

const ROWS = [
  request({ name: 'GET /books/:id', url: 'http://shop.test/books/1?plan=pro', responseCode: '200', duration: '00:00:00.0500000', properties: { tenant: 'acme' } }, { tags: { 'ai.operation.id': 'a', 'ai.cloud.role': 'shop', 'ai.user.authUserId': 'Ada' } }),
  request({ name: 'POST /orders', url: 'http://shop.test/orders', responseCode: '503', success: false, duration: '00:00:01.5000000', properties: { tenant: 'Umbrella Corp' }, measurements: { copies: 12 } }, { tags: { 'ai.operation.id': 'b', 'ai.cloud.role': 'shop', 'ai.user.id': 'anonymous' } }),
  trace('bank did not answer "in time"', { severityLevel: 'Error', properties: { 'shelf name': 'a (1)', tenant: 'acme' } }, { tags: { 'ai.operation.id': 'b', 'ai.operation.name': 'POST /orders' } }),
  exception({ exceptions: [{ typeName: 'BankError', message: 'no answer of bank 7 for order 12', hasFullStack: true, stack: 'BankError: no\n    at ask (/srv/bank.js:1:1)' }] }),
  dependency({ name: 'GET /stock', target: 'stock.test', resultCode: '404' }),
  envelope('EventData', { name: 'OR' })
]

/** A search, and the places of the rows that it finds, counted from 1. */
const SEARCHES: Record<string, number[]> = {
  '': [1, 2, 3, 4, 5, 6],
  bank: [3, 4],
  'BANK answer': [3, 4],
  '"did not answer"': [3],
  '"answer \\"in time\\""': [3],
  '"unclosed': [],
  'status:5xx': [2],
  'status:4xx OR status:5xx': [2, 5],
  'resultCode:5': [],
  'resultCode>=400': [2, 5],
  'resultCode=200': [1],
  'duration>500': [2, 5],
  'duration>0.5s type:request': [2],
  'duration<=50': [1],
  'duration>abc': [],
  'duration:>500': [2, 5],
  'duration:<=50': [1],
  'duration:>1s': [2, 5],
  'result:503': [2],
  'name:"GET *"': [1, 5],
  'name:orders': [2],
  'name=orders': [],
  'name="post /orders"': [2],
  'url:plan=pro': [1],
  'user:ada': [1],
  'user:*': [1, 2],
  'role:shop AND type:requests': [1, 2],
  'operation:"POST /orders"': [3],
  'level:error': [3, 4],
  'level>=warn': [3, 4],
  'success:false': [2, 5],
  'tenant:acme': [1, 3],
  'customDimensions.tenant:"umbrella corp"': [2],
  'tenant:um*': [2],
  'tenant!=acme type:request': [2],
  '"shelf name":"a (1)"': [3],
  'customMeasurements.copies>10': [2],
  'copies>12': [],
  'type:customEvents': [6],
  '-type:request -type:trace': [4, 5, 6],
  'NOT (type:request OR type:trace) exception:BankError': [4],
  '(type:request OR type:trace) tenant:acme': [1, 3],
  'type:request type:trace': [],
  'message:"no answer of bank * for order *"': [4],
  'message:"no answer * bank"': [],
  'problemId="BankError at ask"': [4],
  'exceptionType=BankError problemId:ask': [4],
  'http://shop.test/orders': [2],
  '"OR"': [2, 3, 4, 6],
  '((((status:5xx': [2],
  'status:5xx)': [2],
  'OR OR': [1, 2, 3, 4, 5, 6],
  'AND status:404': [5],
  'time>2020-01-01 type:event': [6],
  'nosuchfield:x': []
}

t.test('a search finds what it says', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  await post(emulator.url, ROWS)
  for (const [text, expected] of Object.entries(SEARCHES)) {
    const rows = await (await fetch(`${emulator.url}/api/rows?text=${encodeURIComponent(text)}`)).json() as Array<{ itemId: number }>
    t.same(rows.map(({ itemId }) => itemId).reverse(), expected, text)
  }
})

t.test('no search hangs or fails, whatever it is', async t => {
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  await post(emulator.url, [trace('a'.repeat(30_000)), ...ROWS])
  for (const text of [`message:"${'*a'.repeat(300)}*b"`, '('.repeat(1_000), 'a:'.repeat(500), '"'.repeat(999), `${'x OR '.repeat(300)}y`, '-'.repeat(500), '__proto__:x', 'constructor>1', 'customDimensions.__proto__:x', '\\', 'name:[', 'name:"*"', '💥:💥']) {
    const response = await fetch(`${emulator.url}/api/lines?text=${encodeURIComponent(text)}`, { signal: AbortSignal.timeout(30_000) })
    t.equal(response.status, 200, text.slice(0, 30))
    await response.arrayBuffer()
  }
})
