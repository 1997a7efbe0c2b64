/** The recipes of docs/kql.md find something in the rows of the sample service that `npm start` shows. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { FastifyInstance } from 'fastify'
import { startEmulator, type Emulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { root } from '../../fixtures/example'

const examples = pathToFileURL(join(root, 'docs/examples/'))
type Build = (connectionString: string, warehouse?: string) => Promise<FastifyInstance>
/** Recipes about what the sample does not log. */
const NOT_IN_THE_SAMPLE = ['How do I filter logs by an object?']
let emulator: Emulator

t.before(async () => {
  emulator = await startEmulator()
  const { buildWarehouse } = await import(new URL('bookshop/warehouse.mjs', examples).href) as { buildWarehouse: Build }
  const { buildBookshop } = await import(new URL('bookshop/service.mjs', examples).href) as { buildBookshop: Build }
  const warehouse = await buildWarehouse(emulator.connectionString)
  const bookshop = await buildBookshop(emulator.connectionString, await warehouse.listen({ port: 0, host: '127.0.0.1' }))
  const url = await bookshop.listen({ port: 0, host: '127.0.0.1' })
  const visitors = new Worker(new URL('visitors.mjs', examples), { workerData: { url, between: 0, rounds: 2 } })
  await once(visitors, 'exit')
  // One who does not wait for the report.
  const leaving = new AbortController()
  setTimeout(() => leaving.abort(), 60)
  await fetch(`${url}/reports/sales`, { signal: leaving.signal }).catch(() => {})
  await emulator.waitFor({ type: 'request', resultCode: '499' }, { timeout: 20_000 })
  await bookshop.close()
  await warehouse.close()
})
t.teardown(() => emulator.close())

t.test('every recipe finds rows of the sample', async t => {
  const [failed] = emulator.items({ type: 'request', resultCode: '500' })
  const text = readFileSync(join(root, 'docs/kql.md'), 'utf8').replaceAll('4bf92f3577b34da6a3ce929d0e0e4736', failed!.operation_Id!)
  let recipes = 0
  for (const [, heading, body] of text.matchAll(/\n## ([^\n]+)\n([^]*?)(?=\n## |$)/g)) {
    for (const [, query] of body!.matchAll(/```kusto\n([^]*?)```/g)) {
      const { rows } = await emulator.query(query!)
      recipes++
      if (!NOT_IN_THE_SAMPLE.includes(heading!)) t.ok(rows.length > 0, heading)
    }
  }
  t.ok(recipes >= 9, `${recipes} recipes`)
})

t.test('an end-to-end query has the whole operation, over both services', async t => {
  const [request] = emulator.items({ type: 'request', name: 'GET /books/:id', cloud_RoleName: 'bookshop', resultCode: '200' })
  const { rows } = await emulator.query(`union requests, dependencies, traces | where operation_Id == '${request!.operation_Id}' | summarize by cloud_RoleName, itemType | order by cloud_RoleName asc, itemType asc`)
  t.same(rows, [['bookshop', 'dependency'], ['bookshop', 'request'], ['bookshop', 'trace'], ['warehouse', 'request'], ['warehouse', 'trace']])
})
