/** What must compile, and what must not: checked by the compiler alone (npm run types). */
import fastify, { type FastifyPluginAsync } from 'fastify'
import appInsightsPlugin, { appInsightsPlugin as named, type AppInsightsOptions, type Stats } from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import pino from 'pino'

const app = fastify()
app.register(appInsightsPlugin)
app.register(appInsightsPlugin, 'InstrumentationKey=00000000-0000-0000-0000-000000000000')
app.register(appInsightsPlugin, process.env.CONNECTION_STRING as string)
app.register(named, { connectionString: 'InstrumentationKey=00000000-0000-0000-0000-000000000000', properties: { deploymentName: 'blue' } })
app.register(appInsightsPlugin, { samplingRatio: 0.25, prefix: '/v1' })
app.register(appInsightsPlugin, { ignore: { routes: ['/health'], keepFailures: true }, logs: { level: 'warn' }, exceptions: false })

const options: AppInsightsOptions = { serviceName: 'shop' }
app.register(appInsightsPlugin, options)

// @ts-expect-error a wrong type
app.register(appInsightsPlugin, { samplingRatio: '1' })
// @ts-expect-error a number is no connection string
app.register(appInsightsPlugin, 42)
// @ts-expect-error an unknown key
app.register(appInsightsPlugin, { conectionString: 'x' })
// @ts-expect-error an unknown nested key
app.register(appInsightsPlugin, { logs: { levels: 'warn' } })
// @ts-expect-error properties are plain values
app.register(appInsightsPlugin, { properties: { nested: {} } })
// @ts-expect-error a list of routes
app.register(appInsightsPlugin, { ignore: '/health' })

app.get('/', { config: { appInsights: false } }, async request => {
  request.appInsights.set('tenant', 'acme')
  request.appInsights.set('count', 1)
  // @ts-expect-error no objects
  request.appInsights.set('tenant', {})
  request.appInsights.span.setAttribute('a', 1)
  request.appInsights.setUser('u')
  request.appInsights.setSession('s')
  request.appInsights.trackEvent('e', { a: 1 }, { b: 2 })
  const stats: Stats = app.appInsights.stats()
  await app.appInsights.flush()
  return stats.sampledOut
})

// A logger of the app's own and a type provider change nothing.
const withLogger = fastify({ loggerInstance: pino() })
withLogger.register(appInsightsPlugin, { enabled: false })
const plugin: FastifyPluginAsync = async instance => { instance.appInsights.trackEvent('e') }
withLogger.register(plugin)
const http2 = fastify({ http2: true })
http2.register(appInsightsPlugin, { enabled: false })

export async function firstDuration (): Promise<number> {
  const emulator = await startEmulator({ port: 0 })
  const row = await emulator.waitFor({ type: 'request', name: /GET/ }, { timeout: 1_000 })
  await emulator.close()
  return row.duration
}
