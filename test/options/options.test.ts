import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { sink, start } from '../fixtures/start'

const KEY = '11111111-2222-3333-4444-555555555555'
const SECRET = 'do-not-print-me'

async function ready (options: unknown): Promise<Error & { code?: string }> {
  const app = fastify({ logger: { stream: sink() } })
  app.register(appInsightsPlugin, options as never)
  try {
    await app.ready()
  } catch (error) {
    return error as Error
  } finally {
    await app.close()
  }
  throw new Error('ready() succeeded')
}

t.beforeEach(() => { delete process.env.APPLICATIONINSIGHTS_CONNECTION_STRING })

t.test('what cannot work fails ready() with a code, says what was expected, and keeps the secret', async t => {
  const endpoint = 'IngestionEndpoint=https://westeurope-5.in.applicationinsights.azure.com/'
  const table: Array<[what: string, options: unknown, code: string, message: RegExp]> = [
    ['no connection string at all', undefined, 'FAI_ERR_CONNECTION_STRING_MISSING', /APPLICATIONINSIGHTS_CONNECTION_STRING/],
    ['an empty one', '  ', 'FAI_ERR_CONNECTION_STRING_MISSING', /enabled: false/],
    ['one without InstrumentationKey', endpoint, 'FAI_ERR_CONNECTION_STRING_INVALID', /has no InstrumentationKey/],
    ['a key that is no UUID', `InstrumentationKey=${SECRET};${endpoint}`, 'FAI_ERR_CONNECTION_STRING_INVALID', /not a valid UUID/],
    ['a reference that App Service could not resolve', `@Microsoft.KeyVault(SecretUri=https://vault.example.com/secrets/${SECRET})`, 'FAI_ERR_CONNECTION_STRING_INVALID', /a reference, such as to Key Vault/],
    ['no pairs', SECRET, 'FAI_ERR_CONNECTION_STRING_INVALID', /Key=value/],
    ['an endpoint that is no URL', `InstrumentationKey=${KEY};IngestionEndpoint=${SECRET}`, 'FAI_ERR_CONNECTION_STRING_INVALID', /not a valid URL/],
    ['an endpoint of another protocol', `InstrumentationKey=${KEY};IngestionEndpoint=ftp://example.com`, 'FAI_ERR_CONNECTION_STRING_INVALID', /not an http or https URL/],
    ['plain http to another machine', `InstrumentationKey=${KEY};IngestionEndpoint=http://example.com`, 'FAI_ERR_CONNECTION_STRING_INVALID', /plain http/],
    ['plain http to a name that only looks local', `InstrumentationKey=${KEY};IngestionEndpoint=http://localhost.example.com`, 'FAI_ERR_CONNECTION_STRING_INVALID', /plain http/],
    ['an endpoint with userinfo', `InstrumentationKey=${KEY};IngestionEndpoint=https://user:${SECRET}@example.com`, 'FAI_ERR_CONNECTION_STRING_INVALID', /a scheme, a host and a path/],
    ['an unknown option', { connectionString: SECRET, sampleRatio: 1 }, 'FAI_ERR_OPTION_UNKNOWN', /sampleRatio: expected one of connectionString, .*samplingRatio/],
    ['an option in another spelling', { ConnectionString: SECRET }, 'FAI_ERR_OPTION_UNKNOWN', /did you mean connectionString\?/],
    ['an unknown nested option', { logs: { levels: 'info' } }, 'FAI_ERR_OPTION_UNKNOWN', /logs\.levels: did you mean level\?/],
    ['a prototype key', JSON.parse('{"__proto__": 1}'), 'FAI_ERR_OPTION_UNKNOWN', /__proto__/],
    ['a number for a connection string', { connectionString: 42 }, 'FAI_ERR_OPTION_INVALID', /connectionString must be a string/],
    ['an array for the options', [], 'FAI_ERR_OPTION_INVALID', /an object/],
    ['enabled as text', { enabled: 'false' }, 'FAI_ERR_OPTION_INVALID', /enabled must be true or false/],
    ['a ratio above 1', { samplingRatio: 25 }, 'FAI_ERR_OPTION_INVALID', /samplingRatio must be a number from 0 to 1/],
    ['a ratio that is no number', { samplingRatio: NaN }, 'FAI_ERR_OPTION_INVALID', /samplingRatio/],
    ['both ways to sample', { samplingRatio: 1, tracesPerSecond: 5 }, 'FAI_ERR_OPTION_INVALID', /tracesPerSecond must be omitted/],
    ['a negative timeout', { closeTimeout: -1 }, 'FAI_ERR_OPTION_INVALID', /closeTimeout/],
    ['a queue of nothing', { maxQueueSize: 0 }, 'FAI_ERR_OPTION_INVALID', /maxQueueSize must be a positive integer/],
    ['properties that are no plain values', { properties: { a: {} } }, 'FAI_ERR_OPTION_INVALID', /properties/],
    ['a credential that is none', { credential: { token: SECRET } }, 'FAI_ERR_OPTION_INVALID', /TokenCredential/],
    ['processors that are none', { spanProcessors: [{}] }, 'FAI_ERR_OPTION_INVALID', /spanProcessors/],
    ['a level the logger does not have', { connectionString: `InstrumentationKey=${KEY}`, logs: { level: 'loud' } }, 'FAI_ERR_OPTION_INVALID', /logs\.level must be a level.*trace, debug, info/],
    ['an ignore list that is none', { ignore: '/health' }, 'FAI_ERR_OPTION_INVALID', /ignore/]
  ]
  for (const [what, options, code, message] of table) {
    const error = await ready(options)
    t.match(error, { code, message }, what)
    t.notMatch(error.message + String(error.stack), SECRET, `${what}: the value stays secret`)
    t.notMatch(error.message, KEY, `${what}: the key stays secret`)
  }
})

t.test('the environment variable is read where no option says otherwise, with the quotes that docker run --env-file keeps', async t => {
  const emulator = await startEmulator()
  process.env.APPLICATIONINSIGHTS_CONNECTION_STRING = `"${emulator.connectionString}"`
  const app = fastify({ logger: { stream: sink() } })
  t.teardown(async () => { await app.close(); await emulator.close() })
  await app.register(appInsightsPlugin)
  app.get('/', async () => 'ok')
  await app.inject('/')
  await app.close()
  t.equal(emulator.items({ type: 'request' }).length, 1)
})

t.test('a bare string is a connection string, and spaces, case and unknown fields in it do no harm', async t => {
  const emulator = await startEmulator()
  const app = fastify({ logger: { stream: sink() } })
  t.teardown(async () => { await app.close(); await emulator.close() })
  const [, endpoint] = emulator.connectionString.split(';')
  await app.register(appInsightsPlugin, ` instrumentationkey = ${KEY.toUpperCase()} ; ${endpoint}/ ;LiveEndpoint=https://live.example.com/;ApplicationId=x;`)
  app.get('/', async () => 'ok')
  await app.inject('/')
  await app.close()
  t.match(emulator.items({ type: 'request' }), [{ iKey: KEY }])
})

t.test('an option that is undefined is not given', async t => {
  const { app, emulator, send } = await start(t, { options: { serviceName: undefined, samplingRatio: undefined, logs: undefined }, routes: app => { app.get('/', async () => 'ok') } })
  await send('/')
  await app.close()
  t.equal(emulator.items({ type: 'request' }).length, 1)
})

t.test("Fastify's own register options are accepted", async t => {
  const emulator = await startEmulator()
  const app = fastify({ logger: { stream: sink() } })
  t.teardown(async () => { await app.close(); await emulator.close() })
  app.register(appInsightsPlugin, { connectionString: emulator.connectionString, prefix: '/v1', logLevel: 'warn' })
  await t.resolves(async () => await app.ready())
})

t.test('enabled: false needs no connection string, sends nothing, and every decorator can be called', async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const app = fastify({ logger: { stream: sink() } })
  t.teardown(async () => await app.close())
  await app.register(appInsightsPlugin, { enabled: false })
  app.get('/', async request => {
    const { appInsights } = request
    appInsights.set('a', 1)
    appInsights.setUser('u')
    appInsights.setSession('s')
    appInsights.trackEvent('e', { a: 1 }, { b: 2 })
    appInsights.span.setAttribute('b', 2)
    app.appInsights.trackEvent('e')
    app.appInsights.tracer.startActiveSpan('work', span => span.end())
    await app.appInsights.flush()
    return app.appInsights.stats()
  })
  const response = await app.inject('/')
  t.equal(response.statusCode, 200)
  t.match(response.json(), { sampledOut: 0, openRequests: 0 })
  await app.close()
  t.equal(emulator.posts.length, 0)
})

t.test('a second registration on the same instance is refused', async t => {
  const app = fastify({ logger: { stream: sink() } })
  t.teardown(async () => await app.close())
  app.register(appInsightsPlugin, { enabled: false })
  app.register(appInsightsPlugin, { enabled: false })
  await t.rejects(async () => await app.ready(), { code: 'FAI_ERR_ALREADY_REGISTERED' })
})

t.test("an app's own decorator named appInsights, as for another client, is reported as what it is", async t => {
  for (const onRequest of [false, true]) {
    const app = fastify({ logger: { stream: sink() } })
    t.teardown(async () => await app.close())
    if (onRequest) app.decorateRequest('appInsights')
    else app.decorate('appInsights', {} as never)
    app.register(appInsightsPlugin, { enabled: false })
    await t.rejects(async () => await app.ready(), { code: 'FAI_ERR_NAME_TAKEN' }, onRequest ? 'on requests' : 'on the instance')
  }
})
