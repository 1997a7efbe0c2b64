import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Emulator, startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { startPostgres } from '../fixtures/postgres'

// PostgreSQL, because it is a typical network service: its driver is patched by an OpenTelemetry instrumentation,
// which is what the option is for.
const fixtures = join(__dirname, '../fixtures')
const clients = ['fetch', 'axios', 'got', 'node-fetch', 'http']

interface App { process: ChildProcessWithoutNullStreams, url: string }

async function run (t: Test, file: string, order: string[], env: Record<string, string>): Promise<App> {
  const child = spawn(process.execPath, [join(fixtures, file), ...order], { env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' })
  child.stderr.pipe(process.stderr)
  t.teardown(() => { child.kill() })
  const [url] = await once(createInterface(child.stdout), 'line') as [string]
  return { process: child, url }
}

async function end ({ process: child }: App): Promise<void> {
  const exited = once(child, 'exit')
  child.stdin.end()
  await exited
}

/** Runs both apps in one module format and import order; returns the emulator's rows. */
async function hop (t: Test, postgres: string, format: 'cjs' | 'mjs', pluginFirst: boolean): Promise<Emulator> {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const order = (other: string): string[] => pluginFirst ? ['plugin', other] : [other, 'plugin']
  const env = { CONNECTION_STRING: emulator.connectionString }
  const shop = await run(t, `shop.${format}`, order('driver'), { ...env, ROLE: 'shop', POSTGRES: postgres })
  const gateway = await run(t, `gateway.${format}`, order('clients'), { ...env, ROLE: 'gateway', SHOP: shop.url })
  await Promise.all(clients.map(async client => {
    const response = await fetch(`${gateway.url}/via/${client}`)
    t.same(await response.json(), { id: '7', price: 42 }, client)
  }))
  await Promise.all([end(gateway), end(shop)])
  return emulator
}

t.test('a call through two services to a database is one operation', async t => {
  const postgres = await startPostgres(t)
  if (postgres === undefined) {
    t.pass('both services and a database', { skip: 'needs initdb and postgres, in Debian: apt-get install postgresql' })
    return
  }
  const variants = (['cjs', 'mjs'] as const).flatMap(format => [true, false].map(pluginFirst => ({ format, pluginFirst })))
  for (const { format, pluginFirst } of variants) {
    t.test(`${format === 'cjs' ? 'CommonJS' : 'ES modules'}, the plugin imported ${pluginFirst ? 'first' : 'last'}`, async t => {
      const emulator = await hop(t, postgres, format, pluginFirst)

      const requests = emulator.items({ type: 'request', cloud_RoleName: 'gateway' })
      t.equal(requests.length, clients.length)
      const targets = new Set<string | undefined>()
      for (const request of requests) {
        const client = request.url!.split('/').at(-1)
        const rows = emulator.items({ operation_Id: request.operation_Id })
        const calls = rows.filter(row => row.type === 'dependency' && row.cloud_RoleName === 'gateway')
        t.equal(calls.length, 1, `${client}: one dependency`)
        t.match(calls[0], {
          name: 'GET /books/7',
          dependencyType: 'Http',
          resultCode: '200',
          success: true,
          target: /^127\.0\.0\.1:\d+$/,
          data: /\?token=REDACTED$/,
          operation_ParentId: request.id,
          operation_Name: 'GET /via/:client'
        }, `${client}: the call`)
        targets.add(calls[0]!.target)

        const callees = rows.filter(row => row.type === 'request' && row.cloud_RoleName === 'shop')
        t.equal(callees.length, 1, `${client}: one request at the other service`)
        t.match(callees[0], { name: 'GET /books/:id', operation_ParentId: calls[0]!.id, operation_Name: 'GET /books/:id' })
        const query = rows.find(row => row.type === 'dependency' && row.dependencyType === 'postgresql' && row.data?.startsWith('select'))
        t.match(query, { operation_Name: 'GET /books/:id', cloud_RoleName: 'shop', success: true, target: /postgres/ }, `${client}: the query`)
        t.ok(isBelow(rows, query, callees[0]!.id), `${client}: the query is below the callee's request`)

        const gatewayRows = rows.filter(row => row.cloud_RoleName === 'gateway')
        t.equal(gatewayRows.find(row => row.operation_Name !== 'GET /via/:client'), undefined, `${client}: every row has its operation's name`)
        t.match(gatewayRows.find(row => row.type === 'trace'), { message: 'book fetched' })
      }
      t.equal(targets.size, 1)
      t.notMatch(JSON.stringify(emulator.items().map(row => row.envelope)), /not-to-be-seen/)
      t.equal(emulator.items(row => row.type === 'dependency' && row.target?.includes(new URL(emulator.url).host) === true).length, 0, 'nothing of the plugin itself')
    })
  }
})

/** Pool instrumentations add their own spans in between. */
function isBelow (rows: Array<{ id?: string, operation_ParentId?: string }>, row: { operation_ParentId?: string } | undefined, id: string | undefined): boolean {
  for (let at = row; at !== undefined; at = rows.find(other => other.id === at!.operation_ParentId)) {
    if (at.operation_ParentId === id) return true
  }
  return false
}
