import t from 'tap'
import { SdkStats } from '../../dist/metrics/sdk-stats.js'
import { emptyStats } from '../../dist/delivery/index.js'
import { REASONS } from '../../dist/delivery/counters.js'
import { readOptions } from '../../dist/options/config.js'
import { start } from '../fixtures/start'

const NAMES = ['Item_Success_Count', 'Item_Dropped_Count', 'Item_Retry_Count']

t.test('delivery\'s counts arrive under the names and dimensions of Azure\'s SDK stats, and are those of stats()', async t => {
  const { app, emulator, send, flush } = await start(t, {
    options: { metrics: { sdkStats: true, runtime: false } },
    routes: app => { app.get('/', async request => { request.log.info('a line') }) }
  })
  await flush()
  for (let i = 0; i < 3; i++) await send('/')
  emulator.respondWith({ status: 500, times: 1 }, undefined)
  await flush()
  // A request that no repetition makes any better.
  emulator.respondWith({ status: 400, body: { itemsReceived: 1, itemsAccepted: 0, errors: [] }, times: 1 }, undefined)
  app.appInsights.trackEvent('never arrives')
  await flush()
  t.equal(emulator.items({ type: 'metric', name: /^Item_/ }).length, 0, 'not before the interval is over')
  const stats = app.appInsights.stats()
  await app.close()

  const rows = emulator.items({ type: 'metric', name: /^Item_/ })
  const sum = (name: string, type: string): number => rows.filter(row => row.name === name && row.customDimensions.telemetry_type === type).reduce((total, { value }) => total + value, 0)
  for (const [kind, type] of [['requests', 'REQUEST'], ['traces', 'TRACE'], ['customEvents', 'CUSTOM_EVENT']] as const) {
    t.equal(sum('Item_Success_Count', type), stats[kind].delivered, `${kind} sent`)
    t.equal(sum('Item_Retry_Count', type), stats[kind].retried, `${kind} retried`)
    t.equal(sum('Item_Dropped_Count', type), Object.values(stats[kind].dropped).reduce((total: number, count) => total + (count ?? 0), 0), `${kind} dropped`)
  }
  t.equal(stats.requests.delivered, 3)
  t.ok(sum('Item_Retry_Count', 'REQUEST') + sum('Item_Retry_Count', 'TRACE') > 0, 'something was retried')
  t.match(rows.find(({ name }) => name === 'Item_Dropped_Count'), { customDimensions: { telemetry_type: 'CUSTOM_EVENT', telemetryType: 'CUSTOM_EVENT', 'drop.code': '400', dropCode: '400', 'drop.reason': 'Bad request', dropReason: 'Bad request', language: 'node', version: /^\d+\.\d+\.\d+/ } })
  t.match(rows.find(({ name }) => name === 'Item_Retry_Count'), { customDimensions: { 'retry.code': 'UNKNOWN', retryCode: 'UNKNOWN' } })
})

t.test('an interval reports what has come since the last, and every reason has a code', async t => {
  const stats = emptyStats()
  let now = 0
  const counts = new SdkStats(() => stats, '1.2.3', { APPLICATIONINSIGHTS_SDKSTATS_EXPORT_INTERVAL: '60' }, () => now)
  t.same(counts.take(false), [])
  stats.requests.delivered = 5
  stats.traces.delivered = 2
  now += 59_000
  t.same(counts.take(false), [], 'the interval is in seconds')
  now += 1_000
  t.same(counts.take(false).map(([name, , attributes, value]) => [name, attributes.telemetry_type, value]), [['Item_Success_Count', 'REQUEST', 5], ['Item_Success_Count', 'TRACE', 2]])
  stats.requests.delivered = 7
  now += 60_000
  t.same(counts.take(false).map(point => point[3]), [2])
  t.same(counts.take(true), [], 'nothing has come since')
  for (const [env, platform] of [[{}, 'unknown'], [{ WEBSITE_SITE_NAME: 'shop' }, 'appsvc'], [{ WEBSITE_SITE_NAME: 'shop', FUNCTIONS_WORKER_RUNTIME: 'node' }, 'functions'], [{ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'aks']] as const) {
    t.match(new SdkStats(() => stats, '1.2.3', env).take(true)[0]![2], { compute_type: platform, computeType: platform })
  }
  for (const [index, reason] of REASONS.entries()) {
    stats.exceptions.dropped = { [reason]: index + 1 }
    const [point] = new SdkStats(() => ({ ...emptyStats(), exceptions: stats.exceptions }), '1.2.3', {}).take(true)
    t.match(point, ['Item_Dropped_Count', Number, { telemetry_type: 'EXCEPTION', 'drop.code': /^(?:[A-Z_]+|\d{3})$/, 'drop.reason': /^[A-Z]/ }, index + 1], reason)
  }
})

t.test('it is on by default as in Azure\'s SDKs, off on this machine, and has switches', async t => {
  const isOn = (options: object, env: NodeJS.ProcessEnv = {}): boolean => {
    const config = readOptions({ connectionString: 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com', ...options }, env, () => {})!
    return config.metrics !== false && config.metrics.sdkStats
  }
  const here = { connectionString: 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:4319' }
  t.equal(isOn({}), true)
  t.equal(isOn({ metrics: { sdkStats: false } }), false)
  t.equal(isOn({ metrics: false }), false)
  t.equal(isOn({ statsbeat: false }), false)
  t.equal(isOn({ statsbeat: false, metrics: { sdkStats: true } }), true)
  t.equal(isOn({}, { APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true' }), false)
  t.equal(isOn(here), false)
  t.equal(isOn({ ...here, metrics: { sdkStats: true } }), true)
})

t.test('the emulator gets none unless asked', async t => {
  const { app, emulator } = await start(t)
  await app.close()
  t.equal(emulator.items({ type: 'metric', name: name => NAMES.includes(name) }).length, 0)
})
