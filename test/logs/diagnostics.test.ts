/** In a file of its own: diagnostics are the process's, and other apps would add theirs. */
import { DiagLogLevel, diag } from '@opentelemetry/api'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'

t.test("OpenTelemetry diagnostics logged by the app don't feed back", async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  for (const worker of [false, true]) {
    const app = fastify({ logger: { level: 'trace', stream: { write () {} } } })
    const said: string[] = []
    const say = (message: string): void => { said.push(message); app.log.info(message) }
    await app.register(appInsightsPlugin, { connectionString: emulator.connectionString, storageDirectory: false, worker })
    diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true })
    t.teardown(() => diag.disable())
    app.get('/', async request => { request.log.info('hello') })
    await app.inject('/')
    await app.appInsights.flush()
    // Its one message on loading is sent like any other line.
    await app.appInsights.flush()
    const before = emulator.items({ type: 'trace' }).length
    for (let i = 0; i < 3; i++) await app.appInsights.flush()
    t.equal(emulator.items({ type: 'trace' }).length, before, 'no export causes another')
    diag.disable()
    await app.close()
    t.ok(said.length > 0)
  }
})
