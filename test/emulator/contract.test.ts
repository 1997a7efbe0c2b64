/** expectRows: a scenario's rows against a reviewed file. */
import { AssertionError } from 'node:assert'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ExpectOptions, expectRows } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'
import { temporary } from '../fixtures/telemetry'

interface Shop { field?: string, message?: string, status?: number, path?: string, repeat?: number }

/** The same scenario, a bit different each time. */
async function scenario (t: Test, { field = 'bookId', message = 'order placed', status = 201, path = '/orders/:id', repeat = 1 }: Shop = {}) {
  const { emulator, send, flush } = await start(t, {
    options: { serviceName: 'shop' },
    routes: app => {
      app.post(path, async (request, reply) => {
        request.log.info({ [field]: '2' }, `${message} as ${Math.floor(Math.random() * 1e6)} in ${Math.random() * 100}ms`)
        request.appInsights.trackEvent('OrderPlaced', { source: 'web' }, { quantity: 3 })
        return reply.code(status).send()
      })
    }
  })
  // That the server listens is no part of the scenario.
  await flush()
  emulator.clear()
  for (let i = 0; i < repeat; i++) await send(path.replace(':id', String(i)), { method: 'POST' })
  await flush()
  return emulator
}

async function differences (t: Test, shop: Shop, file: string, options?: ExpectOptions): Promise<string> {
  const emulator = await scenario(t, shop)
  const error = await expectRows(emulator, file, options).then(() => undefined, (error: unknown) => error)
  t.ok(error instanceof AssertionError, 'it is an assertion that fails')
  return (error as Error | undefined)?.message ?? ''
}

t.test('the file is written once, and holds what another run has too', async t => {
  const file = join(temporary(t), 'rows', 'order.json')
  t.comment('CI is taken away: there, a file that is missing is a failure')
  delete process.env.CI
  await expectRows(await scenario(t), file)
  const text = readFileSync(file, 'utf8')
  t.same(JSON.parse(text), {
    rows: [
      { type: 'event', role: 'shop', operation: 'POST /orders/:id', name: 'OrderPlaced', count: 1, customDimensions: ['source'], customMeasurements: ['quantity'] },
      { type: 'request', role: 'shop', operation: 'POST /orders/:id', name: 'POST /orders/:id', resultCode: '201', success: true, count: 1 },
      { type: 'trace', role: 'shop', operation: 'POST /orders/:id', message: 'order placed as # in #ms', severityLevel: 1, count: 1, customDimensions: ['bookId', 'reqId'] }
    ]
  })
  await expectRows(await scenario(t), file)
  t.equal(readFileSync(file, 'utf8'), text)
})

t.test('each kind of change is named, and UPDATE_ROWS accepts it', async t => {
  const file = join(temporary(t), 'order.json')
  await expectRows(await scenario(t), file, { update: true })
  t.match(await differences(t, { status: 200 }, file), /- request "POST \/orders\/:id" 201 by shop\n {2}\+ request "POST \/orders\/:id" 200 by shop\n/)
  t.match(await differences(t, { field: 'book_id' }, file), /~ trace "order placed as # in #ms" of POST \/orders\/:id by shop: no longer has the dimension bookId, now has the dimension book_id\n/)
  t.match(await differences(t, { repeat: 3 }, file), /~ request "POST \/orders\/:id" 201 by shop: 1 rows, now 3/)
  const renamed = await differences(t, { path: '/purchases/:id', message: 'bought' }, file)
  t.match(renamed, /- request "POST \/orders\/:id"[^]*\+ request "POST \/purchases\/:id"[^]*UPDATE_ROWS=1/)
  process.env.UPDATE_ROWS = '1'
  t.teardown(() => { delete process.env.UPDATE_ROWS })
  const emulator = await scenario(t, { status: 200 })
  await expectRows(emulator, file)
  delete process.env.UPDATE_ROWS
  await expectRows(emulator, file)
})

t.test('saved queries that a change would break are named, and no others', async t => {
  const folder = temporary(t)
  mkdirSync(join(folder, 'queries'))
  for (const [name, text] of Object.entries({
    'orders.kql': "requests | where name == 'POST /orders/:id' | count",
    'books.kql': 'traces | where customDimensions.bookId == 2',
    'books-too.kql': 'traces | where customDimensions["bookId"] == 2',
    'other.kql': '// bookId and "POST /orders/:id" in a comment\ntraces | where customDimensions.bookIdentity == 2 or message == "the bookId"',
    'created.kql': 'AppRequests | where toint(ResultCode) == 201 // created',
    'events.kql': 'customEvents | where name == "OrderPlaced"',
    'readme.txt': 'POST /orders/:id'
  })) writeFileSync(join(folder, 'queries', name), text)
  const file = join(folder, 'order.json')
  const queries = join(folder, 'queries')
  await expectRows(await scenario(t), file, { update: true })
  const named = (message: string): string[] => [...message.matchAll(/^ {2}([\w-]+\.kql): /gm)].map(match => match[1]!)
  t.same(named(await differences(t, { path: '/purchases/:id' }, file, { queries })), ['orders.kql'])
  const fields = await differences(t, { field: 'book_id' }, file, { queries })
  t.same(named(fields), ['books-too.kql', 'books.kql'])
  t.match(fields, /books\.kql: no row has the dimension bookId any more/)
  t.same(named(await differences(t, { status: 200 }, file, { queries })), ['created.kql'])
  const emulator = await scenario(t)
  const withoutEvents = await expectRows(emulator, file, { queries, rows: ({ type }) => type === 'request' || type === 'trace' }).then(() => '', (error: Error) => error.message)
  t.same(named(withoutEvents), ['events.kql'])
  t.match(withoutEvents, /no row is left of customEvents; no row says 'OrderPlaced' any more/)
  const given = await differences(t, { field: 'book_id' }, file, { queries: { 'the alert': 'traces | summarize count() by tostring(customDimensions.bookId)' } })
  t.match(given, /the alert: no row has the dimension bookId/)
})

t.test('on CI, a file that is missing is a failure; a file of something else is an error', async t => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'other.json'), '{}')
  const emulator = await scenario(t)
  process.env.CI = 'true'
  t.teardown(() => { delete process.env.CI })
  await t.rejects(expectRows(emulator, join(folder, 'missing.json')), { message: /is not there: run the test with UPDATE_ROWS=1/ })
  t.notOk(existsSync(join(folder, 'missing.json')))
  await t.rejects(expectRows(emulator, join(folder, 'other.json')), { message: /is no file of expectRows/ })
})
