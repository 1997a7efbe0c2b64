/** What a log line becomes: message, fields, names, limits; which request it belongs to; and the options. */
import { AsyncResource } from 'node:async_hooks'
import type { FastifyBaseLogger, FastifyInstance, FastifyServerOptions } from 'fastify'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'
import { startEmulator } from 'fastify-app-insights/emulator'
import pino from 'pino'
import t from 'tap'
import { type Run, createRunner, wire } from '../fixtures/rows'
import { sink } from '../fixtures/start'

const logging = (log: (log: FastifyBaseLogger, app: FastifyInstance) => void): Run['routes'] => app => { app.get('/', async request => { log(request.log, app) }) }
const logger = (options: object): FastifyServerOptions => ({ logger: { stream: sink(), ...options } })

t.test('message and fields', async t => {
  const run = await createRunner(t)
  const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"hasOwnProperty":1,"toString":2}') as object
  const cyclic: Record<string, unknown> = { a: 1 }
  cyclic.self = cyclic
  class Lazy {
    a = 1
    get req (): never { throw new Error('not to be touched') }
    get res (): never { throw new Error('not to be touched') }
    get err (): never { throw new Error('not to be touched') }
  }
  let reads = 0
  const fickle = Object.defineProperty({}, 'err', { enumerable: true, get () { if (++reads > 2) throw new Error('once only'); return 'odd' } })

  const cases: Array<[name: string, log: (log: FastifyBaseLogger) => void, row: Record<string, unknown>, absent?: string[]]> = [
    ['text', log => log.info('hello'), { message: 'hello' }],
    ['no message', log => log.info({ a: 1, b: { c: 2 } }), { message: '{"a":1,"b":{"c":2}}' }],
    ['no message and no fields', log => log.info({}), { message: '{"reqId":"req-1"}' }],
    ['an empty message', log => log.info({ a: 1 }, ''), { message: '{"a":1}' }],
    ['a message that is an object', log => log.info({ msg: { a: 1 } }), { message: '{"a":1}' }],
    ['a message that is null', log => log.info({ msg: null, a: 1 }), { message: '{"a":1}' }],
    ['null', log => log.info(null), { message: '{"reqId":"req-1"}' }],
    ['a number', log => log.info(5 as unknown as string), { message: '5' }],
    ['only an error', log => log.info(new Error('why')), { message: 'why' }],
    ['only an error without a message', log => log.info({ err: new RangeError() }), { message: /"type":"RangeError"/ }],
    ['numbers and booleans', log => log.info({ n: 1.5, big: 10n, yes: true, no: false, zero: 0 }, 'x'), { customDimensions: { n: '1.5', yes: 'true', no: 'false', zero: '0' } }],
    ['null and undefined', log => log.info({ a: null, b: undefined, c: NaN }, 'x'), { customDimensions: { a: 'null', c: 'null' } }, ['b']],
    ['dates, maps and buffers', log => log.info({ at: new Date(0), map: new Map([[1, 2]]), bytes: Buffer.from('a') }, 'x'), { customDimensions: { at: '1970-01-01T00:00:00.000Z', map: '{}', bytes: '{"type":"Buffer","data":[97]}' } }],
    ['nested objects and arrays', log => log.info({ user: { id: 1, tags: ['a'] }, list: [1, [2]] }, 'x'), { customDimensions: { user: '{"id":1,"tags":["a"]}', list: '[1,[2]]' } }],
    ['functions and symbols', log => log.info({ f () {}, s: Symbol('x'), a: 1 }, 'x'), { customDimensions: { a: '1' } }, ['f', 's']],
    ['names that the exporter takes for itself', log => log.info({ 'session.id': '1', 'enduser.id': '2', 'url.full': '3', 'http.route': '4', 'exception.type': '5', 'microsoft.x': '6', '_MS.y': '7', 'ai.operation.name': '8', 'db.system': '9', '': 'none' }, 'x'), {
      operation_Name: 'GET /',
      customDimensions: { 'field.session.id': '1', 'field.enduser.id': '2', 'field.url.full': '3', 'field.http.route': '4', 'field.exception.type': '5', 'field.microsoft.x': '6', 'field._MS.y': '7', 'field.ai.operation.name': '8', 'field.db.system': '9', _: 'none' }
    }],
    ['names of Object.prototype', log => log.info(hostile, 'x'), { customDimensions: { 'field.__proto__': '{"polluted":1}', constructor: '{"prototype":{"polluted":1}}', hasOwnProperty: '1', toString: '2' } }],
    ['a long name', log => log.info({ ['n'.repeat(200)]: 'x' }, 'x'), { customDimensions: { ['n'.repeat(150)]: 'x' } }],
    ['invalid UTF-16', log => log.info({ a: 'x\ud800', 'n\udc00': { b: '\ud800' } }, '\udfff!'), { message: '\ufffd!', customDimensions: { a: 'x\ufffd' } }],
    ['a cyclic object', log => log.info({ cyclic }, 'x'), { customDimensions: { cyclic: /Circular/ } }],
    ['a BigInt', log => log.info({ deep: { n: 10n } }, 'x'), { message: 'x', customDimensions: { deep: /10|serialize/ } }],
    ['a getter that throws, inside', log => log.info({ deep: { get a () { throw new Error('no') } } }, 'x'), { message: 'x', customDimensions: { deep: /.+/ } }],
    ['getters that pino does not touch', log => log.info(new Lazy(), 'x'), { message: 'x', customDimensions: { a: '1' } }],
    ['a getter that throws the second time', log => log.info(fickle, 'x'), { message: 'x', customDimensions: { err: 'odd' } }],
    ['toJSON that throws', log => log.info({ deep: { toJSON () { throw new Error('no') } } }, 'x'), { message: 'x' }],
    ['a proxy', log => log.info(new Proxy({ a: 1 }, {}), 'x'), { customDimensions: { a: '1' } }],
    ['control characters', log => log.info({ a: '\u0000\u001b[31m\u2028' }, 'a\r\nb'), { message: 'a\r\nb', customDimensions: { a: '\u0000\u001b[31m\u2028' } }]
  ]
  for (const [name, log, row, absent = []] of cases) {
    t.test(name, async t => {
      const { traces } = await run({ server: logger({}), routes: logging(log) })
      t.equal(traces.length, 1)
      t.match(traces[0], row)
      for (const field of absent) t.notOk(field in traces[0]!.customDimensions)
    })
  }
  t.equal(({} as { polluted?: number }).polluted, undefined)
})

t.test('limits', async t => {
  const run = await createRunner(t)
  const { traces } = await run({
    routes: logging(log => {
      log.info({ text: 'a'.repeat(1_000_000), wide: '€'.repeat(10_000), deep: { text: 'b'.repeat(1_000_000) } }, 'm'.repeat(1_000_000))
      log.info(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, i])), 'many')
      log.info({ text: '&;?'.repeat(300_000) + ' a://b'.repeat(50_000) + '@' }, 'hostile')
      log.info({ exact: 'e'.repeat(8_192) }, 'fits')
    })
  })
  const [long, many, , fits] = traces
  t.equal(long!.message.length, 32_768)
  t.match(long!.message, /^m+…\(cut from \d+\)$/)
  for (const field of ['text', 'wide', 'deep']) {
    const value = long!.customDimensions[field]!
    t.ok(Buffer.byteLength(value) <= 8_192 && Buffer.byteLength(value) > 8_180, 'as much as Azure keeps')
    t.match(value, /…\(cut from \d+\)$/)
  }
  t.match(many!.customDimensions, { reqId: 'req-1', f0: '0', f98: '98', droppedFields: '9901' })
  t.notOk('f99' in many!.customDimensions)
  t.equal(fits!.customDimensions.exact, 'e'.repeat(8_192))
  t.equal(traces.length, 4)
})

t.test('a call that throws without us also throws with us, and nothing else does', async t => {
  const run = await createRunner(t)
  const hostile = Object.defineProperty({}, 'a', { enumerable: true, get () { throw new Error('mine') } })
  let thrown: unknown
  const { traces } = await run({
    routes: logging(log => {
      try { log.info(hostile, 'x') } catch (error) { thrown = error }
      log.info('next')
    })
  })
  t.match(thrown, { message: 'mine' })
  t.match(traces, [{ message: 'next' }])
})

t.test("a destination's errors are still thrown, and the row arrives", async t => {
  const run = await createRunner(t)
  const thrown: unknown[] = []
  const { traces } = await run({
    server: { logger: { stream: { write (line: string) { if (line.includes('hello')) throw new Error('full') } } } },
    routes: logging(log => { try { log.info('hello') } catch (error) { thrown.push(error) } })
  })
  t.match(thrown, [{ message: 'full' }])
  t.match(traces, [{ message: 'hello' }])
})

t.test('lines belong to their request', async t => {
  const run = await createRunner(t)
  const { traces, requests } = await run({
    routes: app => {
      const elsewhere = new AsyncResource('ELSEWHERE')
      app.get('/', async request => {
        elsewhere.runInAsyncScope(() => {
          request.log.info('request.log, context lost')
          request.log.child({ module: 'db' }).info('child, context lost')
          app.log.info('fastify.log, context lost')
        })
        app.log.info('fastify.log')
        app.log.child({ module: 'x' }).info('child of fastify.log')
        app.appInsights.tracer.startActiveSpan('work', span => {
          request.log.info('within a span')
          span.end()
        })
      })
    },
    act: async app => { app.log.info('before'); await app.inject('/') }
  })
  const request = requests[0]!
  const of = (message: string): object => traces.find(row => row.message === message)!
  for (const message of ['request.log, context lost', 'child, context lost', 'fastify.log', 'child of fastify.log']) {
    t.match(of(message), { operation_Id: request.operation_Id, operation_ParentId: request.id, operation_Name: 'GET /' }, message)
  }
  t.match(of('within a span'), { operation_Id: request.operation_Id, operation_Name: 'GET /' })
  t.not((of('within a span') as { operation_ParentId: string }).operation_ParentId, request.id)
  for (const message of ['before', 'fastify.log, context lost']) t.match(of(message), { operation_Id: undefined, operation_Name: undefined }, message)
})

t.test('two requests that share a logger keep their lines apart', async t => {
  const run = await createRunner(t)
  const { traces, requests } = await run({
    routes: app => {
      const one = app.log.child({})
      app.setChildLoggerFactory(() => one)
      app.get('/:id', async request => { request.log.info(`line of ${(request.params as { id: string }).id}`) })
    },
    act: async app => { await app.inject('/a'); await app.inject('/b'); app.log.info('outside') }
  })
  t.match(traces.map(row => [row.message, row.operation_Id]), [['line of a', requests[0]!.operation_Id], ['line of b', requests[1]!.operation_Id], ['outside', undefined]])
})

t.test('the logger passed to the app and its other children are captured too', async t => {
  const run = await createRunner(t)
  const own = pino({}, sink())
  const older = own.child({ module: 'older' })
  const { traces, requests } = await run({
    server: { loggerInstance: own as FastifyBaseLogger },
    routes: logging(() => { own.info('in a request'); older.warn('an older child') }),
    act: async app => { own.info('outside'); await app.inject('/') }
  })
  t.match(traces, [{ message: 'outside', operation_Id: undefined }, { message: 'in a request', operation_Id: requests[0]!.operation_Id }, { message: 'an older child', severityLevel: 2, customDimensions: { module: 'older' } }])
  const stream = Object.getOwnPropertySymbols(own).find(symbol => symbol.description === 'pino.stream')!
  t.notOk(Object.getOwnPropertySymbols((own as unknown as Record<symbol, object>)[stream]).some(symbol => symbol.description?.includes('app-insights')), 'and are let go when it closes')
})

t.test('two apps that share a logger each capture their own lines', async t => {
  const emulators = [await startEmulator(), await startEmulator()] as const
  t.teardown(async () => { for (const emulator of emulators) await emulator.close() })
  const destination = sink()
  const own = pino({}, destination)
  const apps = await Promise.all(emulators.map(async ({ connectionString }, i) => {
    const app = fastify({ loggerInstance: own as FastifyBaseLogger, disableRequestLogging: true })
    await app.register(appInsightsPlugin, { connectionString, storageDirectory: false, worker: false })
    app.get('/', async request => { request.log.info(`request of ${i}`); own.info(`shared logger in ${i}`) })
    await app.inject('/')
    app.log.info(`app ${i}`)
    return app
  }))
  await apps[0]!.close()
  apps[1]!.log.info('still there')
  await apps[1]!.close()
  const heard = emulators.map(emulator => emulator.items({ type: 'trace' }).map(row => row.message).toSorted())
  t.strictSame(heard, [['app 0', 'request of 0', 'shared logger in 0'], ['app 1', 'request of 1', 'shared logger in 1', 'still there']])
  t.equal(destination.lines.filter(line => line.includes('still there')).length, 1)
})

t.test('two plugins of one app that each register ours keep their lines apart', async t => {
  const emulators = [await startEmulator(), await startEmulator()] as const
  t.teardown(async () => { for (const emulator of emulators) await emulator.close() })
  const app = fastify({ logger: { stream: sink() } })
  for (const [i, { connectionString }] of emulators.entries()) {
    app.register(async tenant => {
      await tenant.register(appInsightsPlugin, { connectionString, storageDirectory: false, worker: false })
      tenant.get(`/${i}`, async request => {
        request.log.info(`request of ${i}`)
        app.log.info(`app in ${i}`)
        request.log.error(new Error(`error of ${i}`))
      })
    })
  }
  for (const path of ['/0', '/1']) await app.inject(path)
  await app.close()
  for (const [i, emulator] of emulators.entries()) {
    t.strictSame(emulator.items({ type: 'trace' }).map(row => row.message), [`request of ${i}`, `app in ${i}`])
    t.strictSame(emulator.items({ type: 'exception' }).map(row => row.outerMessage), [`error of ${i}`])
  }
})

t.test('options', async t => {
  const run = await createRunner(t)
  const all = logging(log => { log.debug('debug'); log.info({ a: 1 }, 'info'); log.warn('warn'); log.error('error') })
  const messages = async (given: Run): Promise<string[]> => (await run({ routes: all, ...given })).traces.map(row => row.message)

  t.strictSame(await messages({}), ['debug', 'info', 'warn', 'error'])
  t.strictSame(await messages({ server: logger({ level: 'warn' }), options: { logs: { level: 'debug' } } }), ['warn', 'error'], 'the app\'s own level stays')
  t.strictSame(await messages({ options: { logs: { level: 'warn' } } }), ['warn', 'error'])
  t.strictSame(await messages({ options: { logs: { level: 'silent' } } }), [])
  t.strictSame(await messages({ options: { logs: false } }), [])
  t.strictSame(await messages({ options: { logs: { filter: ({ level, message, fields }) => level === 30 && message === 'info' && fields.a === 1 } } }), ['info'])
  t.strictSame(await messages({ options: { logs: { filter: () => { throw new Error('mine') } } } }), ['debug', 'info', 'warn', 'error'], 'a filter that fails keeps the line')
  await t.rejects(messages({ options: { logs: { level: 'verbose' } } }), { code: 'FAI_ERR_OPTION_INVALID' })
  await t.rejects(messages({ options: { logs: { level: 'toString' } } }), { code: 'FAI_ERR_OPTION_INVALID' })
  t.strictSame(await messages({ server: { logger: false }, options: { logs: { level: 'info' } } }), [], 'without a logger any level will do')
})

t.test('with inverted levels, logs.level follows the logger', async t => {
  const run = await createRunner(t)
  const levels = { fatal: 0, error: 1, warn: 2, info: 3, debug: 4, trace: 5 }
  const own = (): FastifyServerOptions => ({ loggerInstance: pino({ customLevels: levels, useOnlyCustomLevels: true, levelComparison: 'DESC', level: 'trace' }, sink()) as unknown as FastifyBaseLogger })
  const { traces } = await run({ server: own(), options: { logs: { level: 'warn' } }, routes: logging(log => { log.fatal('fatal'); log.warn('warn'); log.info('info') }) })
  t.match(traces, [{ message: 'fatal', severityLevel: 4 }, { message: 'warn', severityLevel: 2 }])
  t.equal(traces.length, 2)
})

t.test('requestLogs belong to their request even after a slow hook', async t => {
  const run = await createRunner(t)
  const emulated = await run({
    options: { logs: { requestLogs: true } },
    server: logger({}),
    routes: async app => {
      app.get('/', async () => 'ok')
      app.get('/no', { onRequest: async (_request, reply) => await reply.code(401).send() }, async () => 'no')
    },
    act: async app => { await app.inject('/'); await app.inject('/no') }
  })
  for (const request of emulated.requests) {
    t.strictSame(emulated.traces.filter(row => row.operation_Id === request.operation_Id).map(row => row.message), ['incoming request', 'request completed'])
  }
  t.equal(emulated.traces.length, 4)
})

t.test('events', async t => {
  const run = await createRunner(t)
  const { events, requests } = await run({
    routes: app => {
      app.get('/', async request => {
        request.appInsights.trackEvent('ordered', { plan: 'pro', 'session.id': 'x' }, { amount: 9.5 })
        app.appInsights.trackEvent('by the app')
      })
    },
    act: async app => { app.appInsights.trackEvent('started', { cold: true }); await app.inject('/') }
  })
  const request = requests[0]!
  const here = { operation_Id: request.operation_Id, operation_ParentId: request.id, operation_Name: 'GET /' }
  t.match(events, [
    { name: 'started', customDimensions: { cold: 'true' }, operation_Id: undefined },
    { name: 'ordered', customDimensions: { plan: 'pro', 'field.session.id': 'x' }, customMeasurements: { amount: 9.5 }, ...here },
    { name: 'by the app', ...here }
  ])
})

t.test('an event never throws', async t => {
  const run = await createRunner(t)
  const hostile = { get a (): string { throw new Error('mine') } }
  const { events } = await run({
    routes: () => {},
    act: app => {
      app.appInsights.trackEvent('bigint', {}, { n: 10n as unknown as number, m: 1 })
      app.appInsights.trackEvent('getter', hostile)
      app.appInsights.trackEvent('nothing', null as unknown as undefined, null as unknown as undefined)
      app.appInsights.trackEvent('')
      app.appInsights.trackEvent('last')
    }
  })
  t.match(events.map(row => row.name), ['bigint', 'getter', 'nothing', '(no name)', 'last'])
})

t.test('with the logger off, requests and exceptions still arrive, with one warning', async t => {
  const warnings: Array<Error & { code?: string }> = []
  const listen = (warning: Error & { code?: string }): void => { if (warning.code === 'FAI_WARN_NO_LOGS') warnings.push(warning) }
  process.on('warning', listen)
  t.teardown(() => process.off('warning', listen))
  const run = await createRunner(t)
  const { requests, exceptions } = await run({
    server: { logger: false },
    routes: app => { app.get('/', async () => { throw new TypeError('it broke') }) },
    act: async app => { await app.inject('/'); await app.inject('/') }
  })
  t.equal(requests.length, 2)
  t.match(exceptions, [{ exceptionType: 'TypeError', outerMessage: 'it broke', operation_Name: 'GET /' }, {}])
  t.equal(warnings.length, 1)
  t.match(warnings[0]!.message, /logger: true/)
  await run({ server: { logger: false }, options: { logs: false }, routes: () => {} })
  await new Promise(resolve => setImmediate(resolve))
  t.equal(warnings.length, 1, 'who said { logs: false } knows')
})

t.test("the plugin's own messages are not telemetry", async t => {
  const run = await createRunner(t)
  const destination = sink()
  const rows = await run({
    server: { logger: { stream: destination } },
    options: { logs: { filter: () => { throw new Error('mine') } } },
    routes: logging(log => log.info('hello'))
  })
  t.match(destination.lines.filter(line => line.includes('logs.filter failed')).length, 1, 'it is told once')
  t.notMatch(wire(rows.all), 'logs.filter failed')
})
