import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
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
