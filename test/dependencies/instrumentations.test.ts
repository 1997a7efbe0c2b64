import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { Row } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { startMongodb, startMysql, startPostgresProtocol, startRedis } from '../fixtures/databases'
import { use } from '../fixtures/instrumented/use'

const fixture = (name: string): string => join(__dirname, '../fixtures/instrumented', name)

/** The operation's rows, in order. */
function calls (rows: Row[]): Array<[name: string | undefined, success: boolean | undefined]> {
  return rows.filter(row => row.type === 'dependency' && row.operation_Name === 'GET /use').map(({ name, success }) => [name, success])
}

const before: Array<{ name: string, files: string[], start: (t: Test) => Promise<string>, expected: Array<[string, boolean]>, exception?: Partial<Record<keyof Row, unknown>> }> = [
  {
    name: 'redis',
    // Its instrumentation consists of two others.
    files: ['before.mjs', 'before.cjs'],
    start: startRedis,
    expected: [['redis-connect', true], ['redis-SET', true], ['redis-GET', true], ['redis-GET', true], ['redis-GET', false]],
    exception: { exceptionType: 'SimpleError', outerMessage: /^WRONGTYPE/ }
  },
  {
    name: 'redis6',
    files: ['before.mjs'],
    start: startRedis,
    expected: [['redis-connect', true], ['redis-SET', true], ['redis-GET', true], ['redis-GET', true], ['redis-GET', false]],
    exception: { exceptionType: 'SimpleError', outerMessage: /^WRONGTYPE/ }
  },
  {
    name: 'ioredis',
    files: ['before.mjs'],
    start: startRedis,
    expected: [['connect', true], ['client', true], ['client', true], ['set', true], ['get', false]],
    exception: { exceptionType: 'ReplyError', outerMessage: /^WRONGTYPE/ }
  },
  {
    name: 'mysql2',
    files: ['before.mjs'],
    start: startMysql,
    expected: [['select', true], ['select', false]],
    exception: { exceptionType: 'Error', outerMessage: /SQL syntax/ }
  },
  {
    name: 'mongodb',
    files: ['before.mjs'],
    start: startMongodb,
    expected: [['find books', true], ['find fail', false]],
    exception: { exceptionType: 'MongoServerError', outerMessage: 'not authorized' }
  },
  {
    name: 'pg',
    files: ['before.mjs'],
    start: startPostgresProtocol,
    expected: [['pg.connect', true], ['pg.query:SELECT shop', true], ['pg.query:SELECT shop', true], ['pg.query:SELECT shop', true]]
  }
]

for (const { name, files, start, expected, exception } of before) {
  for (const file of files) {
    t.test(`${name}, imported before the plugin (${file}), is instrumented; an error recorded, logged and thrown is one row`, async t => {
      const { rows, warnings } = await use(t, fixture(file), [name], { ADDRESS: await start(t) })
      t.strictSame(calls(rows), expected)
      t.strictSame(warnings, [])
      const exceptions = rows.filter(({ type }) => type === 'exception')
      t.match(exceptions, exception === undefined ? [] : [{ ...exception, operation_Name: 'GET /use' }])
      t.equal(exceptions.length, exception === undefined ? 0 : 1)
      t.equal(exceptions.some(row => !JSON.stringify(row.envelope).includes('    at ') && !JSON.stringify(row.envelope).includes('"parsedStack"')), false, 'with its stack')
    })
  }
}

t.test('graphql, imported before the plugin, is instrumented; code that already holds its functions causes a warning', async t => {
  const { rows, warnings } = await use(t, fixture('before.mjs'), ['graphql'])
  t.ok(calls(rows).some(([name]) => name === 'query Book'))
  t.match(warnings, [{ code: 'FAI_WARN_INSTRUMENTATION_TOO_LATE', message: /was created too late for .*execute of graphql/ }])
})

t.test('pg-pool.connect, which every pool query would add, is a row only if it fails or is enabled', async t => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  const nobody = await use(t, fixture('before.cjs'), ['pg'], { ADDRESS: `127.0.0.1:${port}` })
  t.equal(nobody.status, 500)
  t.match(nobody.rows.filter(({ name }) => name === 'pg-pool.connect'), [{ success: false, operation_Name: 'GET /use', dependencyType: 'postgresql' }])

  const asked = await use(t, fixture('before.cjs'), ['pg'], { ADDRESS: await startPostgresProtocol(t), CONFIG: '{"ignoreConnectSpans":false}' })
  t.equal(calls(asked.rows).filter(([name]) => name === 'pg-pool.connect').length, 3)
  const [request] = nobody.rows.filter(({ type }) => type === 'request')
  for (const row of nobody.rows.filter(row => row.type === 'dependency' && row.operation_Name === 'GET /use')) t.equal(row.operation_ParentId, request!.id, 'no row hangs below one that is not sent')
})
