import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Row, startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'

const run = promisify(execFile)
const fixture = (name: string): string => join(__dirname, 'fixtures', name)

async function attach (t: Test, flags: string[], program: string, how = '', more: NodeJS.ProcessEnv = {}): Promise<{ has: boolean, rows: Row[], stderr: string }> {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  // Without the compiler that tap adds to every child process.
  const { NODE_OPTIONS: _, ...env } = process.env
  const { stdout, stderr } = await run(process.execPath, [...flags, fixture(program), how], {
    cwd: __dirname, env: { ...env, APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, ...more }, timeout: 60_000
  })
  return { ...JSON.parse(stdout) as { has: boolean }, rows: emulator.items(), stderr }
}

const WAYS: Array<[flag: string, program: string]> = [['--import', 'attached.cjs'], ['--require', 'attached.cjs'], ['--import', 'attached.mjs']]

for (const [flag, program] of WAYS) {
  t.test(`node ${flag} fastify-app-insights/register ${program}: reports an app that doesn't know about it`, async t => {
    const { has, rows } = await attach(t, [flag, 'fastify-app-insights/register'], program, '', { OTEL_SERVICE_NAME: 'attached' })
    t.ok(has)
    t.match(rows.filter(row => row.type === 'request'), [{ name: 'GET /', resultCode: '200', cloud_RoleName: 'attached', customDimensions: { set: 'yes' } }, { name: 'GET /', resultCode: '500' }])
    t.equal(rows.filter(row => row.message === 'handled').length, 2)
    t.equal(rows.filter(row => row.type === 'exception').length, 1)
  })
}

for (const how of ['itself', 'awaits']) {
  t.test(`an app that registers the plugin itself is left alone (${how})`, async t => {
    const { rows } = await attach(t, ['--import', 'fastify-app-insights/register'], 'attached.cjs', how)
    const requests = rows.filter(row => row.type === 'request')
    t.match(requests, [{ customDimensions: { by: 'the app', set: 'yes' } }, { customDimensions: { by: 'the app' } }])
    t.equal(requests.length, 2)
    t.equal(rows.filter(row => row.message === 'handled' && row.customDimensions.by === 'the app').length, 2)
    t.equal(rows.filter(row => row.message === 'handled').length, 2)
    t.equal(rows.filter(row => row.type === 'exception').length, 1)
  })
}

t.test('an app with a decorator of that name starts without the plugin, with a warning', async t => {
  const { has, rows, stderr } = await attach(t, ['--import', 'fastify-app-insights/register'], 'attached.cjs', 'decorates')
  t.ok(has, 'its own')
  t.match(stderr, /FAI_WARN_NOT_REGISTERED.*decorator of its own named appInsights/)
  t.same(rows, [], 'and half a plugin is not left behind')
})

t.test('without a connection string the app starts, with a warning', async t => {
  const { has, stderr } = await attach(t, ['--import', 'fastify-app-insights/register'], 'attached.cjs', '', { APPLICATIONINSIGHTS_CONNECTION_STRING: '' })
  t.notOk(has)
  t.match(stderr, /FAI_WARN_NOT_REGISTERED/)
  const disabled = await attach(t, ['--import', 'fastify-app-insights/register'], 'attached.cjs', '', { OTEL_SDK_DISABLED: 'true' })
  t.same(disabled.rows, [])
  t.notMatch(disabled.stderr, /FAI_WARN/)
})
