/** Whatever is wrong with an option, ready() fails with a code, the option's full name and what was expected; never the value. */
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t from 'tap'
import { readOptions } from '../../dist/options/index.js'
import { sink, start } from '../fixtures/start'

const SECRET = 'do-not-print-me'
const connectionString = 'InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=http://127.0.0.1:9/'

async function failureOf (options: unknown): Promise<Error & { code?: string } | undefined> {
  const app = fastify({ logger: { stream: sink() } })
  app.register(appInsightsPlugin, options as never)
  try {
    await app.ready()
  } catch (error) {
    return error as Error
  } finally {
    await app.close()
  }
}

/** Values of every kind, by the kind's name. */
const VALUES: Record<string, unknown> = {
  null: null,
  'an empty string': '',
  blanks: ' \t',
  text: SECRET,
  zero: 0,
  'a negative number': -1,
  'a fraction': 0.5,
  'a number above 1': 1.5,
  'a huge integer': Number.MAX_SAFE_INTEGER + 1,
  'a huge number': 1e300,
  infinity: Infinity,
  NaN,
  'a bigint': 10n,
  true: true,
  false: false,
  'an empty object': {},
  'an object': { [SECRET]: SECRET },
  'an empty array': [],
  'an array of text': [SECRET],
  'an array of an empty string': [''],
  'an array of null': [null],
  'an array with a hole': Array(1),
  'an array of an array': [[SECRET]],
  'a function': () => SECRET,
  'a class': class {},
  'a Map': new Map([[SECRET, SECRET]]),
  'a Date': new Date(0),
  'a promise': Promise.resolve(SECRET),
  'a symbol': Symbol(SECRET)
}

/** The names of the VALUES that an option takes; every other one is refused. */
const TAKES: Record<string, string[]> = {
  connectionString: [],
  enabled: ['true', 'false'],
  serviceName: ['text'],
  properties: ['an empty object', 'an object'],
  samplingRatio: ['zero', 'a fraction'],
  tracesPerSecond: ['zero', 'a fraction', 'a number above 1', 'a huge integer', 'a huge number'],
  sampler: [],
  keepErrors: ['true', 'false'],
  sampleAzureOnly: ['true', 'false'],
  baggage: ['true', 'false', 'an empty array', 'an array of text'],
  keepSlowerThan: ['zero', 'a fraction', 'a number above 1', 'a huge integer', 'a huge number'],
  ignore: ['an empty array', 'a function', 'a class'],
  'ignore.routes': ['an empty array'],
  'ignore.keepFailures': ['true', 'false'],
  requests: ['an empty object'],
  'requests.redactQuery': ['true', 'an empty array', 'an array of text'],
  'requests.redactQuery.only': ['an empty array', 'an array of text'],
  'requests.success': ['a function', 'a class'],
  'requests.headers': ['an empty array', 'an array of text'],
  'requests.responseHeaders': ['an empty array', 'an array of text'],
  'requests.clientAddress': ['true', 'false'],
  'requests.userAgent': ['true', 'false'],
  'requests.serverTiming': ['true', 'false'],
  'requests.enrich': ['a function', 'a class'],
  logs: ['true', 'false', 'an empty object'],
  // Which levels there are, the logger says later.
  'logs.level': ['text'],
  'logs.filter': ['a function', 'a class'],
  'logs.redact': ['an empty array', 'an array of text'],
  'logs.requestLogs': ['true', 'false'],
  'logs.console': ['true', 'false'],
  exceptions: ['true', 'false', 'an empty object'],
  'exceptions.clientErrors': ['true', 'false'],
  'exceptions.uncaught': ['true', 'false'],
  dependencies: ['true', 'false', 'an empty object'],
  'dependencies.ignore': ['an empty array', 'an array of text', 'a function', 'a class'],
  'dependencies.propagate': ['true', 'false', 'an empty array', 'an array of text', 'a function', 'a class'],
  'dependencies.success': ['a function', 'a class'],
  'dependencies.azureSdk': ['true', 'false'],
  instrumentations: ['an empty array'],
  metrics: ['true', 'false', 'an empty object'],
  'metrics.interval': [],
  'metrics.runtime': ['true', 'false'],
  'metrics.sdkStats': ['true', 'false'],
  credential: [],
  storageDirectory: ['text', 'false'],
  maxStorageBytes: [],
  maxQueueSize: [],
  closeTimeout: ['zero', 'a fraction', 'a number above 1'],
  worker: ['true', 'false'],
  statsbeat: ['true', 'false'],
  liveMetrics: ['true', 'false'],
  spanProcessors: ['an empty array'],
  logRecordProcessors: ['an empty array']
}

function optionsWith (name: string, value: unknown): Record<string, unknown> {
  const [first, ...rest] = name.split('.') as [string, ...string[]]
  const inner = rest.length === 0 ? value : optionsWith(rest.join('.'), value)
  const needed = name === 'ignore.keepFailures' ? { routes: [] } : {}
  return { [first]: rest.length === 0 ? inner : { ...needed, ...inner as object } }
}

/** What ready() rejects with, without an app: the table is long. */
function read (options: unknown): Error & { code?: string } | undefined {
  try {
    readOptions(options, {}, () => {})
  } catch (error) {
    return error as Error
  }
}

t.test('every option refuses what it cannot use', async t => {
  for (const [name, takes] of Object.entries(TAKES)) {
    for (const [kind, value] of Object.entries(VALUES)) {
      const error = read({ connectionString, ...optionsWith(name, value) })
      if (takes.includes(kind)) {
        t.equal(error, undefined, `${name} takes ${kind}`)
        continue
      }
      t.match(error?.code, /^FAI_ERR_(?:OPTION_INVALID|OPTION_UNKNOWN|CONNECTION_STRING_(?:MISSING|INVALID))$/, `${name} refuses ${kind}`)
      if (error?.code === 'FAI_ERR_OPTION_INVALID') t.match(error.message, `option ${name}`, `${name} is named`)
      if (kind !== 'an object') t.notMatch(error?.message, SECRET, 'the value is not')
    }
  }
})

t.test('every option is in the table', async t => {
  for (const group of ['', 'requests.', 'logs.', 'exceptions.', 'dependencies.', 'metrics.', 'ignore.']) {
    const error = read(optionsWith(`${group}nonsense`, 1))
    const known = /expected one of (.*)\.$/.exec(error!.message)![1]!.split(', ')
    t.same(known.filter(name => !(`${group}${name}` in TAKES)), [])
  }
})

t.test('the wrong entry of a list is named, and so is the way to put it right', async t => {
  const instrumentation = { instrumentationName: 'x', setTracerProvider () {}, setMeterProvider () {}, enable () {} }
  const table: Array<[options: object, message: RegExp]> = [
    [{ logs: { redact: ['a.b', 'a..b'] } }, /logs\.redact\[1\] must be a path/],
    [{ logs: { redact: [''] } }, /logs\.redact\[0\]/],
    [{ logs: { redact: ['a[b'] } }, /logs\.redact\[0\]/],
    [{ logs: { redact: ['a', 'b,c'] } }, /logs\.redact\[1\]/],
    [{ requests: { redactQuery: ['a', 7] } }, /requests\.redactQuery\[1\] must be a non-empty string/],
    [{ requests: { redactQuery: { only: ['a', ''] } } }, /requests\.redactQuery\.only\[1\]/],
    [{ requests: { redactQuery: { only: ['a'], also: ['b'] } } }, /requests\.redactQuery\.also/],
    [{ requests: { headers: ['x-tenant', 'x tenant'] } }, /requests\.headers\[1\] must be a header name/],
    [{ requests: { responseHeaders: ['x-tenant:'] } }, /requests\.responseHeaders\[0\]/],
    [{ ignore: ['/health', 'health'] }, /ignore\[1\] must be a route pattern that starts with \//],
    [{ ignore: { routes: ['health'] } }, /ignore\.routes\[0\] must be a route pattern that starts with \//],
    [{ ignore: { keepFailures: true } }, /ignore\.routes must be an array/],
    [{ ignore: ['get /health'] }, /ignore\[0\]/],
    [{ ignore: ['GET health'] }, /ignore\[0\]/],
    [{ ignore: ['https://shop.test/health'] }, /ignore\[0\]/],
    [{ dependencies: { ignore: ['a.test', 'https://a.test/?b'] } }, /dependencies\.ignore\[1\] must be a host or a URL without its query/],
    [{ dependencies: { ignore: ['a*b.test'] } }, /dependencies\.ignore\[0\]/],
    [{ instrumentations: [instrumentation, {}] }, /instrumentations\[1\] must be an OpenTelemetry instrumentation/],
    [{ instrumentations: [{ ...instrumentation, instrumentationName: undefined }] }, /instrumentations\[0\]/],
    [{ instrumentations: [[instrumentation]] }, /instrumentations\[0\]/],
    [{ instrumentations: [class PgInstrumentation {}] }, /instrumentations\[0\] must be .* new PgInstrumentation\(\)/],
    [{ spanProcessors: [{ onStart () {}, onEnd () {}, shutdown () {}, forceFlush () {} }, {}] }, /spanProcessors\[1\]/],
    [{ logRecordProcessors: [null] }, /logRecordProcessors\[0\]/],
    [{ properties: { region: 'west', tier: { a: SECRET } } }, /properties\.tier must be a string, a finite number or a boolean/],
    [{ properties: { ratio: NaN } }, /properties\.ratio/],
    [{ properties: { [`a\nb${'c'.repeat(500)}`]: null } }, /properties\.a bc{40,60}… must be/],
    [{ logs: { level: 'loud' } }, /logs\.level must be a level/],
    [{ storageDirectory: 'a\0b' }, /storageDirectory/]
  ]
  for (const [options, message] of table) {
    const error = await failureOf({ connectionString, storageDirectory: false, ...options })
    t.match(error, { code: /^FAI_ERR_OPTION/, message })
    t.notMatch(error?.message, SECRET)
  }
})

t.test('what can match is taken', async t => {
  for (const ignore of [['/health', 'GET /health', 'GET /internal/*', '*', 'GET *', 'GET*', '_OTHER /x', 'M-SEARCH /', '(unmatched)', 'GET (unmatched)', '/at/:hour(^\\d{2}$)h', '/a/:b?']]) {
    t.equal(await failureOf({ connectionString, storageDirectory: false, worker: false, ignore }), undefined)
  }
  const patterns = ['localhost:3100', '*.example.org', 'https://api.example.org/poll*', '[::1]:80', '*']
  t.equal(await failureOf({ connectionString, storageDirectory: false, worker: false, dependencies: { ignore: patterns } }), undefined)
})

t.test('options that cannot even be read are refused with a code', async t => {
  const error = await failureOf(Object.defineProperty({ connectionString }, 'serviceName', { enumerable: true, get () { throw new Error(SECRET) } }))
  t.match(error?.code, /^FAI_ERR_OPTION_INVALID$/)
  t.notMatch(error?.message, SECRET)
})

t.test('a property that is undefined is left out like an unset value', async t => {
  const { app, emulator, send } = await start(t, {
    options: { properties: { region: undefined as unknown as string, tier: 'gold' }, requests: { enrich: () => ({ tenant: undefined as unknown as string, plan: 'pro' }) } },
    routes: app => { app.get('/', async () => 'ok') }
  })
  await send('/')
  await app.close()
  const [row] = emulator.items({ type: 'request' })
  t.match(row, { customDimensions: { tier: 'gold', plan: 'pro' } })
  t.notOk('region' in row!.customDimensions || 'tenant' in row!.customDimensions)
})

t.test('an environment variable that is empty counts as unset', async t => {
  const before = { ...process.env }
  t.teardown(() => { process.env = before })
  process.env.APPLICATIONINSIGHTS_CONNECTION_STRING = ' '
  t.match(await failureOf(undefined), { code: 'FAI_ERR_CONNECTION_STRING_MISSING' })
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  Object.assign(process.env, { APPLICATIONINSIGHTS_CONNECTION_STRING: emulator.connectionString, OTEL_SERVICE_NAME: '', OTEL_RESOURCE_ATTRIBUTES: 'service.name=,service.instance.id=', WEBSITE_SITE_NAME: 'shop' })
  const app = fastify({ logger: { stream: sink() } })
  await app.register(appInsightsPlugin, { storageDirectory: false })
  app.get('/', async () => 'ok')
  await app.inject('/')
  await app.close()
  const [row] = emulator.items({ type: 'request' })
  t.equal(row?.cloud_RoleName, 'shop')
  t.not(row?.cloud_RoleInstance, '')
})
