/** No public method throws, whatever it is given, and later telemetry is reported as usual. */
import { type Span, context } from '@opentelemetry/api'
import type { AppInsightsOptions } from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import t, { type Test } from 'tap'
import { plainNode } from './fixtures/plain-node'
import { start } from './fixtures/start'

type Method = (...given: unknown[]) => unknown
type Target = Record<string, unknown>

const fail = (): never => { throw new Error('hostile') }
// Does nothing when called: errors from the app's own function belong to the app.
const throwing = new Proxy(function () {}, {
  get: (_target, name) => name === 'call' ? Function.prototype.call : fail(), set: fail, has: fail, construct: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail, defineProperty: fail, isExtensible: fail
})
const revoked = Proxy.revocable({}, {})
const revokedArray = Proxy.revocable([], {})
revoked.revoke()
revokedArray.revoke()
const circular: Target = { a: 1 }
circular.self = circular
const getters = (...names: string[]): object => Object.defineProperties({}, Object.fromEntries(names.map(name => [name, { enumerable: true, get: fail }])))

const values: Array<[name: string, value: unknown]> = [
  ['undefined', undefined], ['null', null], ['true', true], ['NaN', NaN], ['-0', -0], ['Infinity', Infinity], ['a negative number', -1.5], ['a BigInt', 10n], ['a symbol', Symbol('s')],
  ['an empty string', ''], ['a blank string', ' \n'], ['half a character', '\ud800'], ['a huge string', 'x'.repeat(1_000_000)], ['__proto__', '__proto__'],
  ['an array', [1, 'a', null]], ['an array of hostile ones', [undefined, null, 10n, Symbol('s'), throwing, circular]], ['an object', { a: 1 }], ['a circular object', circular],
  ['an object of hostile ones', { a: 10n, b: Symbol('s'), c: throwing, d: circular, e: revoked.proxy, f: undefined, g: null, h: () => 1 }],
  ['no prototype', Object.create(null)], ['getters that throw', getters('a', 'b', 'context', 'code', 'message', 'name', 'stack', 'cause', 'errors', 'kind', 'attributes', 'links', 'startTime', 'root', 'description', 'unit', 'then', 'toJSON', 'getValue')],
  ['conversions that throw', { toString: fail, valueOf: fail, toJSON: fail, [Symbol.toPrimitive]: fail, [Symbol.iterator]: fail }], ['conversions to objects', { toString: () => ({}), valueOf: () => ({}), toJSON: () => circular }],
  ['a proxy that throws', throwing], ['a revoked proxy', revoked.proxy], ['a revoked array', revokedArray.proxy],
  ['a date that is none', new Date(NaN)], ['a Map', new Map([[circular, throwing]])], ['a typed array', new Float64Array([NaN])], ['a Buffer', Buffer.alloc(10)], ['a promise', Promise.resolve(1)],
  ['an error', new Error('an error')], ['an error of getters', Object.create(Error.prototype, { message: { get: fail }, stack: { get: fail }, name: { get: fail } })],
  ['options of the wrong kinds', { kind: 10n, code: 10n, message: 10n, attributes: throwing, links: [throwing, { context: null }, null], startTime: Symbol('s'), root: throwing, valueType: 9n, advice: { explicitBucketBoundaries: [10n, throwing] }, context: { traceId: 1 } }],
  ['a function', () => 1]
]

/** Calls every function of `target` with every value in every position, and with all of them at once. */
function attack (t: Test, name: string, target: object, methods: string[], given: Record<string, unknown[]> = {}): unknown[] {
  const results: unknown[] = []
  for (const method of methods) {
    const usual = given[method] ?? []
    const places = Math.max(usual.length, 1) + 2
    let calls = 0
    for (const [what, value] of values) {
      const lists = [[], Array.from({ length: places }, () => value), ...Array.from({ length: places }, (_, place) => Object.assign([...usual], { [place]: value }))]
      for (const list of lists) {
        try {
          results.push(((target as Target)[method] as Method).apply(target, list))
          calls++
        } catch (error) {
          t.fail(`${name}.${method} with ${what} in ${JSON.stringify(list.map(item => item === value))}: ${error instanceof Error ? error.stack!.slice(0, 400) : 'threw'}`)
        }
      }
    }
    t.ok(calls > 0, `${name}.${method} throws nothing`)
  }
  return results
}

const SPAN = ['setAttribute', 'setAttributes', 'addEvent', 'addLink', 'addLinks', 'setStatus', 'updateName', 'recordException', 'isRecording', 'spanContext', 'end']
const USUAL_OF_SPAN = { setAttribute: ['name', 1], addEvent: ['name', { a: 1 }, 1], recordException: [new Error('recorded'), 1] }
const work = (): number => 1

function attackSpan (t: Test, name: string, span: Span): void {
  attack(t, name, span, SPAN, USUAL_OF_SPAN)
}

function attackTracer (t: Test, name: string, tracer: object): void {
  const spans = attack(t, name, tracer, ['startSpan', 'startActiveSpan'], { startSpan: ['name', { attributes: {} }, context.active()], startActiveSpan: ['name', {}, context.active(), work] }) as Array<Span | undefined>
  for (const span of spans.filter(span => typeof span?.setAttribute === 'function').slice(0, 5)) attackSpan(t, `${name}'s span`, span!)
  for (const span of spans) span?.end?.()
}

function attackMeter (t: Test, meter: Target): void {
  const creators = ['createCounter', 'createUpDownCounter', 'createHistogram', 'createGauge', 'createObservableCounter', 'createObservableUpDownCounter', 'createObservableGauge']
  attack(t, 'meter', meter, [...creators, 'addBatchObservableCallback', 'removeBatchObservableCallback'], { ...Object.fromEntries(creators.map(creator => [creator, ['name', {}]])), addBatchObservableCallback: [work, []] })
  for (const creator of creators) {
    const instrument = (meter[creator] as Method)(`good.${creator}`) as Target
    const methods = ['add', 'record', 'addCallback', 'removeCallback'].filter(method => typeof instrument[method] === 'function')
    t.ok(methods.length > 0)
    attack(t, creator, instrument, methods, { add: [1, { a: 1 }], record: [1, { a: 1 }] })
  }
  observe(t, meter)
}

/** The argument that an observable instrument's callback gets is ours too. */
function observe (t: Test, meter: Target): void {
  const gauge = (meter.createObservableGauge as Method)('good.observed') as { addCallback: (callback: (result: object) => void) => void }
  gauge.addCallback(result => {
    attack(t, 'result', result, ['observe'], { observe: [1, { a: 1 }] })
    ;(result as { observe: Method }).observe(7, { good: true })
  })
  ;(meter.addBatchObservableCallback as Method)((result: object) => { attack(t, 'batch', result, ['observe'], { observe: [gauge, 1, { a: 1 }] }) }, [gauge])
}

const APP = ['trackEvent', 'trackException', 'trackAvailability', 'trackMetric', 'operation', 'flush', 'stats']
const OPERATION = ['set', 'setUser', 'setSession', 'trackEvent', 'trackException', 'startSpan']
const USUAL = { trackEvent: ['name', { a: 1 }, { b: 1 }], trackException: [new Error('tracked'), { a: 1 }], trackAvailability: [{ name: 'check', success: true, duration: 1 }], trackMetric: ['name', 1, { a: 1 }], operation: ['name', work], set: ['name', 1], startSpan: ['name', work], flush: [], stats: [] }

const settings: Array<[name: string, options: AppInsightsOptions]> = [
  ['as it is', {}],
  ['without metrics', { metrics: false }],
  ['with more destinations', { logRecordProcessors: [{ onEmit () {}, forceFlush: async () => {}, shutdown: async () => {}, enabled: () => true }], spanProcessors: [{ onStart () {}, onEnd () {}, forceFlush: async () => {}, shutdown: async () => {} }] }],
  ['switched off', { enabled: false }]
]

for (const [name, options] of settings) {
  t.test(name, async t => {
    const rejected: unknown[] = []
    const note = (error: unknown): void => { rejected.push(error) }
    process.on('unhandledRejection', note)
    t.teardown(() => process.off('unhandledRejection', note))
    const { app, send, emulator } = await start(t, {
      options,
      routes: app => {
        app.get('/', async request => {
          const { appInsights } = request
          const spans = attack(t, 'request', appInsights, OPERATION, USUAL) as Span[]
          attackSpan(t, 'request.span', appInsights.span)
          for (const span of spans.filter(span => typeof span?.end === 'function')) span.end()
        })
        app.get('/good', async request => {
          const { appInsights } = app
          request.appInsights.set('set', 'well')
          request.appInsights.startSpan('span', span => { span.setAttribute('told', 'well') })
          appInsights.trackEvent('event', { told: 'well' })
          appInsights.trackMetric('metric', 5, { told: 'well' })
          appInsights.trackException(new Error('exception'), { told: 'well' })
        })
      }
    })
    const { appInsights } = app
    t.strictSame(Object.keys(appInsights).sort(), [...APP, 'tracer', 'meter'].sort(), 'all methods are known here')
    for (const { status } of await Promise.allSettled(attack(t, 'app', appInsights, ['flush']))) t.equal(status, 'fulfilled')
    attack(t, 'app', appInsights, APP.filter(method => method !== 'flush'), USUAL)
    for (const field of ['name', 'success', 'duration', 'id', 'runLocation', 'message', 'properties', 'measurements']) {
      for (const [what, value] of values) t.doesNotThrow(() => appInsights.trackAvailability({ name: 'check', success: true, duration: 1, [field]: value }), `trackAvailability with ${what} as its ${field}`)
    }
    appInsights.operation('operation', operation => {
      attack(t, 'operation', operation, OPERATION, USUAL)
      attackSpan(t, 'operation.span', operation.span)
    })
    for (const [, value] of values) appInsights.operation('operation that returns', () => { appInsights.tracer.startActiveSpan('span that returns', () => value); return value })
    attackTracer(t, 'tracer', appInsights.tracer)
    attackMeter(t, appInsights.meter as unknown as Target)
    t.equal((await send('/')).status, 200)
    t.equal((await send('/good')).status, 200)
    await appInsights.flush()
    await app.close()
    t.strictSame(rejected, [])
    if (options.enabled === false) return
    // Some of the rows above are larger than Azure accepts, but they don't take others down with them.
    const told = { customDimensions: { told: 'well' } }
    t.match(emulator.items({ type: 'request', name: 'GET /good' }), [{ success: true, customDimensions: { set: 'well' } }])
    t.match(emulator.items({ type: 'event', name: 'event' }), [told])
    t.match(emulator.items({ type: 'exception', message: 'exception' }), [told])
    t.equal(emulator.items({ type: 'dependency', name: 'span', operation_Name: 'GET /good' }).length, 1)
    if (options.metrics === false) return
    t.match(emulator.items({ type: 'metric', name: 'metric' }).find(row => row.customDimensions.told === 'well'), { value: 5 })
    t.ok(emulator.items({ type: 'metric', name: 'good.observed' }).length > 0)
  })
}

t.test('what the app has added to Object.prototype stops nothing, and is no property of a row', async t => {
  const emulator = await startEmulator()
  t.teardown(async () => await emulator.close())
  const program = `
    Object.prototype.extra = 'yes'
    const app = require('fastify')({ logger: { stream: { write () {} } } })
    app.register(require('fastify-app-insights'), { connectionString: process.env.TARGET, storageDirectory: false, properties: { deployment: 'blue' } })
    app.get('/', async request => {
      request.log.info({ a: 1 }, 'hello')
      request.appInsights.trackEvent('told', { b: 2 })
      throw new Error('broken')
    })
    app.inject('/').then(() => app.close())`
  t.match(await plainNode(['-e', program], { TARGET: emulator.connectionString }), { code: 0, stderr: '' })
  for (const type of ['request', 'trace', 'event', 'exception'] as const) {
    const rows = emulator.items({ type })
    t.match(rows, [{ customDimensions: { deployment: 'blue' } }], type)
    t.notOk(rows.some(row => 'extra' in row.customDimensions), type)
  }
})
