import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { launch, missing } from '../fixtures/chromium'

const QUIET = { APPLICATION_INSIGHTS_NO_STATSBEAT: 'true', APPLICATIONINSIGHTS_STATSBEAT_DISABLED: 'true', APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true' }

/** A service in a process of its own: these SDKs change modules for everybody in theirs. */
async function service (t: Test, name: string, connectionString: string): Promise<{ url: string, flush: () => Promise<void> }> {
  const child: ChildProcess = fork(join(dirname(__dirname), 'fixtures', `client-${name}.cjs`), {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, ...QUIET, NODE_OPTIONS: '', OTEL_SERVICE_NAME: name, APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString }
  })
  t.teardown(() => { child.kill('SIGKILL') })
  let said = ''
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk)
    if (/http:\S+\n/.test(said)) break
  }
  return {
    url: /http:\S+/.exec(said)?.[0] ?? '',
    async flush () {
      const flushed = once(child, 'message')
      child.send('flush')
      await flushed
    }
  }
}

t.test('the classic SDK, the distro and the browser SDK join the plugin in one operation', async t => {
  Object.assign(process.env, QUIET)
  const emulator = await startEmulator()
  t.teardown(() => emulator.close())
  const [classic, distro] = await Promise.all([service(t, 'classic', emulator.connectionString), service(t, 'distro', emulator.connectionString)])

  const app = fastify({ logger: { stream: { write () {} } } })
  await app.register(appInsightsPlugin, { connectionString: emulator.connectionString, serviceName: 'shop' })
  app.get('/order', async request => {
    request.log.info('order read')
    return await Promise.all([classic, distro].map(async ({ url }) => await (await fetch(url)).text()))
  })
  app.get('/', async (_request, reply) => await reply.type('text/html').send('<!doctype html><title>Shop</title><script src="/sdk.js"></script><script src="/page.js"></script>'))
  app.get('/sdk.js', async (_request, reply) => await reply.type('text/javascript').send(readFileSync(require.resolve('@microsoft/applicationinsights-web/dist/es5/applicationinsights-web.min.js'), 'utf8')))
  app.get('/page.js', async (_request, reply) => await reply.type('text/javascript').send(`
    const insights = new Microsoft.ApplicationInsights.ApplicationInsights({ config: {
      connectionString: ${JSON.stringify(emulator.connectionString)},
      distributedTracingMode: 2,
      extensionConfig: { AppInsightsCfgSyncPlugin: { cfgUrl: '' } }
    } })
    insights.loadAppInsights()
    insights.addTelemetryInitializer(item => { item.tags['ai.cloud.role'] = 'browser' })
    insights.trackPageView()
    fetch('/order').then(() => {
      insights.trackException({ exception: new Error('browser failure') })
      insights.trackEvent({ name: 'OrderShown' })
      insights.flush()
      document.title = 'Done'
    })`))
  const url = await app.listen({ port: 0, host: '127.0.0.1' })

  await t.test('services', async t => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    t.strictSame(await (await fetch(`${url}/order`, { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } })).json(), ['classic', 'distro'])
    await Promise.all([app.appInsights.flush(), classic.flush()])
    // The browser's turn comes later: the distro can be flushed only once, by ending it.
    for (const role of ['shop', 'classic']) {
      const row = await emulator.waitFor({ type: 'request', operation_Id: traceId, cloud_RoleName: role })
      t.equal(row.resultCode, '200', role)
    }
    for (const [type, match] of [['trace', { message: 'classic at work' }], ['exception', { exceptionType: 'TypeError', outerMessage: 'classic failure' }], ['event', { name: 'ClassicEvent' }]] as const) {
      t.equal((await emulator.waitFor({ type, cloud_RoleName: 'classic', ...match })).operation_Id, traceId, `classic ${type}`)
    }
    const called = emulator.items({ type: 'dependency', operation_Id: traceId, cloud_RoleName: 'shop' }).map(row => row.id)
    // The classic SDK wraps ids as |trace.span. in its rows.
    const parent = emulator.items({ type: 'request', cloud_RoleName: 'classic' })[0].operation_ParentId
    t.ok(called.some(id => id !== undefined && parent?.includes(id)), "and the caller's dependency is the parent")
  })

  await t.test('the browser', { skip: missing() }, async t => {
    const browser = await launch()
    t.teardown(() => browser.close())
    const page = await browser.newPage()
    await page.goto(url)
    await page.waitForFunction('document.title === "Done"')
    await Promise.all([app.appInsights.flush(), classic.flush()])
    const view = await emulator.waitFor({ type: 'pageView', name: 'Shop' }, { timeout: 20_000 })
    const joined = { operation_Id: view.operation_Id }
    const call = await emulator.waitFor({ type: 'dependency', ...joined, cloud_RoleName: 'browser', name: 'GET /order' }, { timeout: 20_000 })
    t.match(call, { resultCode: '200', success: true })
    t.ok(await emulator.waitFor({ type: 'request', ...joined, cloud_RoleName: 'shop', name: 'GET /order' }))
    t.ok(await emulator.waitFor({ type: 'trace', ...joined, cloud_RoleName: 'shop', message: 'order read' }))
    t.ok(await emulator.waitFor({ type: 'request', ...joined, cloud_RoleName: 'classic' }))
    t.match(await emulator.waitFor({ type: 'exception', ...joined, cloud_RoleName: 'browser' }), { outerMessage: /browser failure/ })
    t.ok(await emulator.waitFor({ type: 'event', ...joined, name: 'OrderShown' }))
  })

  await distro.flush()
  const operations = new Set(emulator.items({ type: 'request', cloud_RoleName: 'shop', name: 'GET /order' }).map(row => row.operation_Id))
  for (const id of operations) {
    const request = await emulator.waitFor({ type: 'request', operation_Id: id, cloud_RoleName: 'distro' })
    t.match(await emulator.waitFor({ type: 'trace', operation_Id: id, message: 'distro at work' }), { operation_ParentId: request.id })
  }
  t.strictSame(emulator.posts.filter(post => post.status !== 200), [], 'every post of every SDK was taken')
  await app.close()
})
