/** `request.log` finds its request when the async context is lost, however the app's logger writes the request id. */
import { AsyncResource } from 'node:async_hooks'
import type { FastifyBaseLogger, FastifyInstance, FastifyServerOptions } from 'fastify'
import { LogController } from 'fastify'
import pino from 'pino'
import t from 'tap'
import { sink, start } from '../fixtures/start'

const elsewhere = new AsyncResource('ELSEWHERE')
const logger = (options: object): FastifyServerOptions => ({ logger: { stream: sink(), ...options } })

const cases: Array<[name: string, server: FastifyServerOptions, setUp?: (app: FastifyInstance) => void]> = [
  ['as it is', logger({})],
  ['serialized', logger({ serializers: { reqId: (id: string) => `<${id}>` } })],
  ['redacted', logger({ redact: ['reqId'] })],
  ['removed', logger({ redact: { paths: ['reqId'], remove: true } })],
  ['renamed', { ...logger({}), logController: new LogController({ requestIdLogLabel: 'trace' }) }],
  ['left out by a formatter', logger({ formatters: { bindings: () => ({}) } })],
  ['replaced by the child logger factory', logger({}), app => { app.setChildLoggerFactory((parent, _bindings, options) => parent.child({ request: Math.random() }, options)) }],
  ['in a logger that a hook has put in its place', logger({}), app => { app.addHook('onRequest', (request, _reply, done) => { request.log = app.log.child({ own: true }); done() }) }]
]

for (const [name, server, setUp] of cases) {
  t.test(`the id ${name}`, async t => {
    const { send, emulator, flush } = await start(t, {
      server,
      routes: app => {
        setUp?.(app)
        app.get('/:n', async request => {
          const { n } = request.params as { n: string }
          elsewhere.runInAsyncScope(() => {
            request.log.info(`lost ${n}`)
            request.log.child({ module: 'db' }).info(`child ${n}`)
          })
        })
      }
    })
    for (const n of [1, 2, 3]) await send(`/${n}`)
    await flush()
    const requests = emulator.items({ type: 'request' })
    t.equal(requests.length, 3)
    for (const { url, operation_Id: id } of requests) {
      const n = url!.slice(-1)
      for (const message of [`lost ${n}`, `child ${n}`]) t.match(emulator.items({ type: 'trace', message }), [{ operation_Id: id, operation_Name: 'GET /:n' }], message)
    }
  })
}

t.test('a logger shared by all requests belongs to none of them', async t => {
  const { app, send, emulator, flush } = await start(t, {
    routes: app => {
      const one = app.log.child({ one: 'for all' })
      app.setChildLoggerFactory(() => one)
      app.get('/ignored', { config: { appInsights: false } }, async () => 'ok')
      app.get('/:n', async request => {
        request.log.info(`line ${(request.params as { n: string }).n}`)
        return await new Promise(resolve => { setTimeout(resolve, 20, 'ok') })
      })
      app.decorate('one', one)
    }
  })
  const { one } = app as unknown as { one: FastifyInstance['log'] }
  const outside = (message: string): void => elsewhere.runInAsyncScope(() => one.info(message))
  await send('/ignored')
  outside('after an ignored one')
  await send('/1')
  outside('after the first')
  await Promise.all([send('/2'), send('/3')])
  outside('after the others')
  await flush()
  for (const message of ['after an ignored one', 'after the first', 'after the others']) t.match(emulator.items({ type: 'trace', message }), [{ operation_Id: undefined }], message)
  for (const { url, operation_Id: id } of emulator.items({ type: 'request' })) t.match(emulator.items({ type: 'trace', message: `line ${url!.slice(-1)}` }), [{ operation_Id: id }])
})

t.test('a line after the end of its request, without the context, is found by the id in its bindings', async t => {
  const { app, send, emulator, flush } = await start(t, {
    routes: app => {
      const one = app.log.child({ one: 'for all' })
      const loggers: Record<string, FastifyBaseLogger> = {}
      app.decorate('loggers', loggers)
      app.get('/own/:n', async request => { loggers[(request.params as { n: string }).n] = request.log })
      app.register(async scope => {
        scope.setChildLoggerFactory(() => one)
        scope.get('/shared', async request => { loggers.shared = request.log })
      })
    }
  })
  const { loggers } = app as unknown as { loggers: Record<string, FastifyBaseLogger> }
  for (const url of ['/own/1', '/own/2', '/shared']) {
    await send(url)
    const name = url.slice(url.lastIndexOf('/') + 1)
    // The response has reached the client, but the server may not know yet.
    await new Promise(resolve => setTimeout(resolve, 50))
    elsewhere.runInAsyncScope(() => {
      loggers[name]!.info(`late ${name}`)
      loggers[name]!.child({ module: 'db' }).info(`child ${name}`)
    })
  }
  await flush()
  for (const { url, operation_Id: id } of emulator.items({ type: 'request' })) {
    const name = url!.slice(url!.lastIndexOf('/') + 1)
    for (const message of [`late ${name}`, `child ${name}`]) t.match(emulator.items({ type: 'trace', message }), [{ operation_Id: name === 'shared' ? undefined : id }], message)
  }
  t.equal(emulator.items({ type: 'request' }).length, 3)
})

const circular: Record<string, unknown> = {}
circular.self = circular

const ids: Array<[name: string, next: (n: number) => unknown]> = [
  ['a number', n => n], ['a BigInt', n => BigInt(n)], ['a symbol', () => Symbol('id')], ['undefined', () => undefined],
  ['an object without a prototype', () => Object.create(null)], ['a circular object', () => circular]
]

for (const [name, next] of ids) {
  t.test(`a request id that is ${name}`, async t => {
    let n = 0
    const { send, emulator, flush } = await start(t, {
      server: { genReqId: () => next(++n) as string },
      routes: app => { app.get('/:n', async request => { elsewhere.runInAsyncScope(() => request.log.info(`line ${(request.params as { n: string }).n}`)) }) }
    })
    for (const n of [1, 2]) t.equal((await send(`/${n}`)).status, 200)
    await flush()
    for (const n of [1, 2]) {
      const [row] = emulator.items({ type: 'request', url: new RegExp(`/${n}$`) })
      t.match(emulator.items({ type: 'trace', message: `line ${n}` }), [{ operation_Id: row!.operation_Id }])
    }
  })
}

type Logger = FastifyInstance['log']
const readOnly = (logger: Logger): Logger => new Proxy(logger, {
  set: () => false,
  defineProperty: () => false,
  get: (target, name) => name === 'child' ? (...given: Parameters<Logger['child']>) => readOnly(target.child(...given)) : Reflect.get(target, name)
})
const withChildren = (change: (child: Logger) => Logger): Logger => {
  const logger = pino({}, sink())
  const child = logger.child.bind(logger)
  return Object.assign(logger, { child: (...given: Parameters<Logger['child']>) => change(child(...given as [object])) })
}

for (const [name, loggerInstance] of [
  ['whose children are frozen', withChildren(Object.freeze)],
  ['whose children take no new properties', withChildren(Object.preventExtensions)],
  ['that is a read-only proxy', readOnly(pino({}, sink()))]
] as Array<[string, Logger]>) {
  t.test(`a logger ${name} makes rows as usual, except of the plugin's own messages`, async t => {
    const { app, send, emulator, flush } = await start(t, {
      server: { logger: undefined as never, loggerInstance },
      options: { requests: { enrich: () => { throw new Error('no properties') } } },
      routes: app => { app.get('/', async request => { request.log.info('a line') }) }
    })
    t.equal((await send('/')).status, 200)
    app.log.info('outside')
    await flush()
    const [row] = emulator.items({ type: 'request' })
    t.match(emulator.items({ type: 'trace', message: 'a line' }), [{ operation_Id: row!.operation_Id }])
    t.match(emulator.items({ type: 'trace', message: 'outside' }), [{ operation_Id: undefined }])
    t.match(emulator.items({ type: 'trace', message: /requests\.enrich/ }), [])
  })
}
