/**
 * The app of every combination: SETUP says what else is in the process, ORDER whether that is there before or after the
 * plugin. Prints what it has seen itself; what has arrived is at the emulator.
 */
const { once } = require('node:events')

const { SETUP = 'none', ORDER = 'before', CONNECTION_STRING: connectionString, CALLEE: callee, POSTGRES: postgres, REDIS: redis } = process.env

/** What shares the process with the plugin; may give instrumentations for the plugin, or a plugin to register. */
const setups = {
  none: async () => ({}),
  async sdk (load) {
    const { NodeTracerProvider } = await load('@opentelemetry/sdk-trace-node')
    new NodeTracerProvider().register()
    return {}
  },
  // In this line the provider registers nothing by itself.
  async sdk3 (load) {
    const { TracerProvider, BasicTracerProvider = TracerProvider } = await load('@opentelemetry/sdk-trace')
    const { AsyncLocalStorageContextManager } = await load('@opentelemetry/context-async-hooks')
    const { context, trace } = await load('@opentelemetry/api')
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    trace.setGlobalTracerProvider(new BasicTracerProvider())
    return {}
  },
  async instrumentations (load) {
    const { PgInstrumentation } = await load('@opentelemetry/instrumentation-pg')
    const { IORedisInstrumentation } = await load('@opentelemetry/instrumentation-ioredis')
    const { UndiciInstrumentation } = await load('@opentelemetry/instrumentation-undici')
    const { HttpInstrumentation } = await load('@opentelemetry/instrumentation-http')
    return { instrumentations: [new PgInstrumentation(), new IORedisInstrumentation(), new UndiciInstrumentation(), new HttpInstrumentation()] }
  },
  async sentry (load) {
    const Sentry = await load('@sentry/node')
    Sentry.init({ dsn: 'http://public@127.0.0.1:1/1', ...process.env.TRACING === 'true' ? { tracesSampleRate: 1 } : {} })
    return {}
  },
  async fastifyOtel (load) {
    const { FastifyOtelInstrumentation } = await load('@fastify/otel')
    const { trace } = await load('@opentelemetry/api')
    const instrumentation = new FastifyOtelInstrumentation()
    return {
      plug (app) {
        instrumentation.setTracerProvider(trace.getTracerProvider())
        return app.register(instrumentation.plugin())
      }
    }
  },
  async distro (load) {
    const { useAzureMonitor } = await load('@azure/monitor-opentelemetry')
    // Its own destination, where nobody listens: what arrives at the emulator is the plugin's.
    useAzureMonitor({ azureMonitorExporterOptions: { connectionString: 'InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://127.0.0.1:1', disableOfflineStorage: true } })
    return {}
  }
}

async function work (load, request) {
  const { trace } = await load('@opentelemetry/api')
  request.log.info('worked')
  const headers = await (await fetch(`http://${callee}/`)).json()
  const active = await trace.getTracer('app').startActiveSpan('own work', async span => {
    span.end()
    return trace.getActiveSpan() === span
  })
  if (SETUP === 'instrumentations') {
    const { default: pg } = await load('pg')
    const { default: ioredis } = await load('ioredis')
    const [host, port] = postgres.split(':')
    const client = new pg.Client({ host, port: Number(port), user: 'app', database: 'shop' })
    await client.connect()
    await client.query('select 1')
    await client.end()
    const [redisHost, redisPort] = redis.split(':')
    const cache = new ioredis.Redis(Number(redisPort), redisHost, { enableReadyCheck: false })
    cache.on('error', () => {})
    await cache.set('book', '42')
    cache.disconnect()
  }
  return { traceparent: headers.traceparent, active }
}

exports.run = async function run (load) {
  const warnings = []
  process.on('warning', ({ code, message }) => { if (code?.startsWith('FAI_')) warnings.push(`${code}: ${message}`) })
  if (SETUP === 'instrumentations') await Promise.all([load('pg'), load('ioredis')])
  const before = ORDER === 'before' ? await setups[SETUP](load) : {}
  const { default: fastify } = await load('fastify')
  const { default: plugin } = await load('fastify-app-insights')
  const logged = []
  const app = fastify({ logger: { stream: { write: line => { logged.push(JSON.parse(line)) } } } })
  if (before.plug !== undefined) await before.plug(app)
  await app.register(plugin, { connectionString, storageDirectory: false, closeTimeout: 30_000, ...before.instrumentations === undefined ? {} : { instrumentations: before.instrumentations } })
  if (ORDER === 'after') await (await setups[SETUP](load)).plug?.(app)
  app.get('/work', async request => await work(load, request))
  app.get('/fail', async () => { throw new RangeError('too far') })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const ask = async path => {
    const [response] = await once(require('node:http').get(url + path, { agent: false }), 'response')
    let text = ''
    for await (const chunk of response) text += chunk
    return { status: response.statusCode, text }
  }
  const answer = await ask('/work')
  await ask('/fail')
  await app.close()
  warnings.push(...logged.filter(({ level, msg }) => level === 40 && msg !== undefined).map(({ msg }) => msg))
  process.stdout.write(JSON.stringify({ ...answer.status === 200 ? JSON.parse(answer.text) : { error: answer.text }, warnings }))
  // What else is in the process may hold on to it.
  process.exit()
}

// An ES module imports this one, and runs it with an import of its own.
if (require.main === module) {
  const load = async name => {
    const loaded = require(name)
    return { ...loaded, default: loaded }
  }
  void exports.run(load)
}
