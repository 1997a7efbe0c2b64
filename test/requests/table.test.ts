import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { type Emulator, startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { sink } from '../fixtures/start'
import { type Case, cases } from '../fixtures/request-cases'

/** @returns what the client saw */
async function serve ({ server, before, build, send }: Case, plugin: (app: ReturnType<typeof fastify>) => void): Promise<unknown> {
  const app = fastify({ logger: { level: 'trace', stream: sink() }, forceCloseConnections: true, ...server })
  before?.(app)
  plugin(app)
  build(app)
  const connections: Array<Promise<unknown>> = []
  app.server.on('connection', socket => { connections.push(new Promise(resolve => socket.on('close', resolve))) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  try {
    return await send({ app, port, url: `http://127.0.0.1:${port}` })
  } finally {
    // The server itself must notice that a client has left; close() must not cause it.
    await Promise.all(connections)
    await app.close()
  }
}

async function check (t: Test, emulator: Emulator, one: Case): Promise<void> {
  emulator.clear()
  const without = await serve(one, () => {})
  const started = Date.now()
  let app: ReturnType<typeof fastify>
  const within = await serve(one, instance => {
    app = instance
    app.register(appInsightsPlugin, { connectionString: emulator.connectionString, storageDirectory: false })
  })
  const elapsed = Date.now() - started
  t.same(within, without, 'the client sees the same with and without the plugin')

  const rows = emulator.items({ type: 'request' })
  t.equal(rows.length, one.rows ?? 1, 'as many rows as requests')
  for (const row of rows) {
    t.match(row, { ...one.row, operation_Id: /^[0-9a-f]{32}$/, id: /^[0-9a-f]{16}$/, operation_Name: one.row.name })
    t.ok(row.duration >= (one.atLeast ?? 0) && row.duration <= elapsed, `${row.duration} ms`)
  }
  t.equal(new Set(rows.map(row => row.id)).size, rows.length, 'each is a row of its own')
  t.equal(app!.appInsights.stats().openRequests, 0, 'nothing stays open')
}

t.test('each case makes exactly one row', async t => {
  // All use one connection string, so that they share a worker thread, as the apps in a test suite do.
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  for (const one of cases) {
    await t.test(`${one.what}: ${one.row.name} ${one.row.resultCode}`, async t => await check(t, emulator, one))
  }
})

t.test('the table in docs/requests.md is up to date', async t => {
  const file = join(__dirname, '../../docs/requests.md')
  const table = ['| what happens | name | resultCode | success |', '|---|---|---|---|',
    ...cases.map(({ what, row }) => `| ${what} | \`${row.name}\` | ${row.resultCode} | ${row.success} |`)].join('\n')
  const marked = /(<!-- cases -->\n)[^]*?(\n<!-- \/cases -->)/
  const text = readFileSync(file, 'utf8')
  // UPDATE_DOCS=1 npx tap test/requests/table.test.ts
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, text.replace(marked, (_, before: string, after: string) => before + table + after))
  t.match(readFileSync(file, 'utf8').replaceAll('\r\n', '\n').match(marked)?.[0], `<!-- cases -->\n${table}\n<!-- /cases -->`)
})
