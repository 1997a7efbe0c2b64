import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { type Row, startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'

const run = promisify(execFile)

interface Outcome {
  servers: Array<{ name: string, traceId: string, spanId: string, route?: string }>
  warnings: string[]
  rows: Row[]
}

async function coexist (t: Test, mode: string): Promise<Outcome> {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const { stdout } = await run(process.execPath, [join(__dirname, '../fixtures/coexists.cjs'), mode], {
    env: { ...process.env, APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString }, timeout: 60_000
  })
  return { ...JSON.parse(stdout) as Omit<Outcome, 'rows'>, rows: emulator.items() }
}

t.test("in a child context, the plugin reports that context's requests, and warns of others", async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const lines: string[] = []
  const app = fastify({ logger: { level: 'warn', stream: { write: line => { lines.push(line) } } } })
  app.get('/outside', async () => 'ok')
  app.register(async child => {
    await child.register(appInsightsPlugin, { connectionString: emulator.connectionString, storageDirectory: false })
    child.get('/inside', async () => 'ok')
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  for (const path of ['/outside', '/inside', '/outside', '/nowhere']) await (await fetch(url + path, { headers: { connection: 'close' } })).text()
  await app.close()
  t.match(emulator.items({ type: 'request' }).map(({ name }) => name), ['GET /inside'])
  t.equal(emulator.items({ type: 'request' }).length, 1)
  t.equal(lines.filter(line => line.includes('registered in a child context')).length, 1, 'one warning')
})

t.test('if another provider also traces incoming requests, both have a row in the same trace, with one warning', async t => {
  const { servers, warnings, rows } = await coexist(t, 'http')
  const requests = rows.filter(row => row.type === 'request')
  t.same(requests.map(row => [row.operation_Id, row.name, row.resultCode]), [['1'.repeat(31) + 'a', 'GET /users/:id', '200'], ['2'.repeat(31) + 'a', 'GET /users/:id', '200'], ['0'.repeat(31) + 'a', 'GET /users/:id', '500']])
  t.same(servers.map(span => span.traceId), requests.map(row => row.operation_Id))
  const lines = rows.filter(row => row.message === 'user read')
  t.same(lines.map(row => [row.operation_Id, row.operation_ParentId, row.operation_Name]), requests.map(row => [row.operation_Id, row.id, 'GET /users/:id']), 'logs are tied to it')
  t.match(rows.filter(row => row.type === 'exception'), [{ operation_Id: requests[2]!.operation_Id, operation_Name: 'GET /users/:id' }])
  t.equal(warnings.length, 1)
  t.match(warnings[0], /also traced by @opentelemetry\/instrumentation-http/)
})

for (const mode of ['fastify-before', 'fastify-after']) {
  t.test(`alongside @fastify/otel (${mode.slice(8)} ours) there is one row per request`, async t => {
    const { rows } = await coexist(t, mode)
    const requests = rows.filter(row => row.type === 'request')
    t.same(requests.map(row => [row.operation_Id, row.name, row.resultCode]), [
      ['1'.repeat(31) + 'a', 'GET /users/:id', '200'], ['2'.repeat(31) + 'a', 'GET /users/:id', '200'], ['0'.repeat(31) + 'a', 'GET /users/:id', '500']
    ])
    const lines = rows.filter(row => row.message === 'user read')
    t.same(lines.map(row => row.operation_Id), requests.map(row => row.operation_Id))
  })
}
