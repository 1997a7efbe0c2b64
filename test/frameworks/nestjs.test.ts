/** NestJS from npm: what it answers itself has its exception all the same, wherever the plugin is registered. */
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { type Row, startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { sink } from '../fixtures/start'

const { AppModule } = require('../fixtures/nest.cjs') as { AppModule: new () => unknown }

// Nest brings its own copy of Fastify, with types of its own.
const plugin = appInsightsPlugin as never

async function nest (t: Test, place: 'adapter' | 'main', logger: object | false, paths: string[], clientErrors = false): Promise<Row[]> {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const options = { connectionString: emulator.connectionString, storageDirectory: false, dependencies: false, closeTimeout: 60_000, exceptions: { clientErrors } }
  const adapter = new FastifyAdapter(logger === false ? {} : { logger })
  if (place === 'adapter') await adapter.getInstance().register(plugin, options)
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, adapter, { logger: false })
  if (place === 'main') await app.register(plugin, options)
  await app.listen(0, '127.0.0.1')
  const url = await app.getUrl()
  for (const path of paths) {
    const [name, method = 'GET'] = path.split(' ').reverse() as [string, string?]
    const body = method === 'POST' ? { body: '{"count":7}', headers: { 'content-type': 'application/json' } } : {}
    await (await fetch(`${url}/shelves/${name}`, { method, ...body })).text()
  }
  await app.close()
  return emulator.items()
}

const CASES: Array<[path: string, status: string, exception: string | undefined]> = [
  ['fine', '200', undefined],
  ['broken', '500', 'the shelf is broken'],
  ['later', '500', 'the shelf broke later'],
  ['text', '500', 'just a text'],
  ['missing', '404', undefined],
  ['upstream', '502', 'upstream failed'],
  ['guarded', '403', undefined],
  ['misguarded', '500', 'the guard is broken'],
  ['intercepted', '500', 'the interceptor is broken'],
  ['number/x', '400', undefined],
  ['filtered', '503', 'filtered'],
  ['tracked', '503', 'tracked'],
  ['teapot', '418', undefined],
  ['POST posted', '500', 'too many: 7'],
  ['fine?middleware=throws', '500', 'the middleware is broken'],
  ['fine?middleware=answers', '401', undefined],
  ['nowhere', '404', undefined]
]

for (const place of ['adapter', 'main'] as const) {
  for (const logger of [{ level: 'info', stream: sink() }, false] as const) {
    t.test(`registered ${place === 'adapter' ? 'on the adapter' : 'in main.ts'}, ${logger === false ? 'without' : 'with'} Fastify's logger: one exception for a 5xx, tied to its request`, async t => {
      const rows = await nest(t, place, logger, CASES.map(([path]) => path))
      const requests = rows.filter(row => row.type === 'request')
      const exceptions = rows.filter(row => row.type === 'exception')
      t.same(requests.map(row => row.resultCode), CASES.map(([, status]) => status), 'each request has its row')
      for (const [n, [path, , message]] of CASES.entries()) {
        const own = exceptions.filter(row => row.operation_Id === requests[n]?.operation_Id)
        t.same(own.map(row => row.outerMessage), message === undefined ? [] : [message], path)
        t.ok(own.every(row => row.operation_Name === requests[n]!.name && row.operation_ParentId === requests[n]!.id))
      }
      t.equal(exceptions.length, CASES.filter(([, , message]) => message !== undefined).length, 'and none besides')
      t.match(exceptions.find(row => row.outerMessage === 'tracked')!, { customDimensions: { filter: 'teapot' } })
      t.same([...new Set(requests.map(row => row.name))].sort(), [
        'GET (unmatched)', ...['broken', 'filtered', 'fine', 'guarded', 'intercepted', 'later', 'misguarded', 'missing', 'number/:id', 'teapot', 'text', 'tracked', 'upstream'].map(name => `GET /shelves/${name}`), 'POST /shelves/posted'
      ], 'also where a middleware has answered')
      const answered = requests[CASES.findIndex(([path]) => path === 'fine?middleware=answers')]
      t.ok(Number(answered?.duration) >= 25, 'with the time it took')
      const lines = rows.filter(row => row.type === 'trace' && row.message === 'a middleware')
      t.equal(lines.length, logger === false ? 0 : CASES.length - 1)
      t.ok(lines.every(line => requests.some(row => row.operation_Id === line.operation_Id)), 'a line of a middleware belongs to its request')
    })
  }
}

t.test('errors answered with 4xx are exceptions where they are asked for', async t => {
  const rows = await nest(t, 'main', false, ['missing', 'teapot'], true)
  t.same(rows.filter(row => row.type === 'exception').map(row => row.outerMessage), ['no such book', 'a teapot'])
})

t.test('two apps in one process keep their errors apart, and one that has closed gets none', async t => {
  const [first, second] = await Promise.all([nest(t, 'main', false, ['broken']), nest(t, 'adapter', false, ['later'])])
  t.same(first.filter(row => row.type === 'exception').map(row => row.outerMessage), ['the shelf is broken'])
  t.same(second.filter(row => row.type === 'exception').map(row => row.outerMessage), ['the shelf broke later'])
})
