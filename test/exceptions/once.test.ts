/** One exception row per Error object, whatever path it takes; and its log message is never lost. */
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import pino from 'pino'
import t, { type Test } from 'tap'
import { type Rows, type Run, createRunner } from '../fixtures/rows'
import { sink } from '../fixtures/start'

interface Case extends Run {
  name: string
  exceptions: object[]
  /** Messages of the trace rows. */
  traces?: Array<string | RegExp>
  check?: (t: Test, rows: Rows) => void
}

class OrderError extends Error {
  override name = 'OrderError'
  code = 'E_ORDER'
  orderId = 42
}

const broken = { exceptionType: 'OrderError', outerMessage: 'it broke', severityLevel: 3, operation_Name: 'GET /' }
const logger = (options: object): FastifyServerOptions => ({ logger: { stream: sink(), ...options } })
/** A request over a real socket; inject() accepts headers that Node.js refuses, for example. */
const overNetwork = async (app: FastifyInstance): Promise<void> => {
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const response = await fetch(url, { headers: { connection: 'close' } })
  await response.text().catch(() => {})
}
/** A request whose client leaves before it is answered. */
const leave = async (app: FastifyInstance): Promise<void> => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const gone = new Promise<void>(resolve => {
    app.server.on('request', (request: IncomingMessage) => {
      request.socket.once('close', () => setImmediate(resolve))
      setImmediate(() => socket.destroy())
    })
  })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1', () => { socket.write('GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n') })
  await gone
}
const boom = (app: FastifyInstance): void => { app.get('/', async () => { throw new OrderError('it broke') }) }

const cases: Case[] = [
  { name: 'thrown, and logged by the default handler', routes: boom, exceptions: [{ ...broken, customDimensions: { logMessage: 'it broke', code: 'E_ORDER', err: '{"orderId":42}', reqId: 'req-1' } }] },
  {
    name: 'thrown, seen by onError, logged by a custom handler and by the default one',
    routes: app => {
      app.addHook('onError', async (request, _reply, error) => { request.log.error(error, 'seen by onError') })
      app.setErrorHandler((error, request) => {
        request.log.error({ err: error }, 'seen by the handler')
        throw error
      })
      boom(app)
    },
    exceptions: [{ ...broken, customDimensions: { logMessage: 'seen by onError' } }],
    traces: ['seen by the handler']
  },
  {
    name: 'thrown, and a custom handler logs it',
    routes: app => {
      app.setErrorHandler((error, request, reply) => {
        request.log.error({ err: error, step: 'pay' }, 'order failed')
        return reply.code(500).send({})
      })
      boom(app)
    },
    exceptions: [{ ...broken, customDimensions: { logMessage: 'order failed', step: 'pay' } }]
  },
  { name: 'thrown, and a custom handler says nothing', routes: app => { app.setErrorHandler((_error, _request, reply) => reply.code(500).send({})); boom(app) }, exceptions: [broken] },
  { name: 'thrown, and a custom handler answers 200', routes: app => { app.setErrorHandler((_error, _request, reply) => reply.code(200).send({})); boom(app) }, exceptions: [broken] },
  { name: 'thrown, with disableRequestLogging', server: { logger: { stream: sink() }, disableRequestLogging: true }, routes: boom, exceptions: [{ ...broken, customDimensions: { code: 'E_ORDER', err: '{"orderId":42}' } }] },
  { name: 'thrown, with a level above error', server: { logger: { stream: sink(), level: 'fatal' } }, routes: boom, exceptions: [broken] },
  { name: 'thrown, with logger: false', server: { logger: false }, routes: boom, exceptions: [broken] },
  {
    name: 'logged, and thrown after that',
    routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); request.log.error(error, 'before'); throw error }) },
    exceptions: [{ ...broken, customDimensions: { logMessage: 'before' } }]
  },
  {
    name: 'logged twice, then by the app\'s logger, then by a child',
    routes: app => {
      app.get('/', async request => {
        const error = new OrderError('it broke')
        request.log.error(error, 'first')
        request.log.error(error, 'second')
        app.log.error({ err: error }, 'third')
        request.log.child({ module: 'x' }).fatal({ err: error }, 'fourth')
      })
    },
    exceptions: [{ ...broken, customDimensions: { logMessage: 'first' } }],
    traces: ['second', 'third', 'fourth'],
    check: (t, { traces }) => t.match(traces[0]!.customDimensions.err, /"type":"OrderError".*orderId/)
  },
  {
    name: 'logged in one place where the context is lost, thrown in the request',
    routes: app => {
      app.get('/', async () => {
        const error = new OrderError('it broke')
        await outside(() => app.log.error(error, 'outside'))
        throw error
      })
    },
    exceptions: [{ outerMessage: 'it broke', customDimensions: { logMessage: 'outside' } }]
  },
  {
    name: 'wrapped as a cause, outermost first',
    routes: app => {
      app.get('/', async request => {
        const inner = new OrderError('it broke')
        request.log.error(new Error('outer', { cause: inner }), 'wrapped')
        request.log.error(inner, 'the inner one')
      })
    },
    exceptions: [{ exceptionType: 'Error', outerMessage: 'outer', customDimensions: { logMessage: 'wrapped' }, details: [{ stack: /Error: outer\n[^]*OrderError: it broke\n/ }] }],
    traces: ['the inner one']
  },
  {
    name: 'thrown, and sent on as the cause of another',
    routes: app => {
      app.setErrorHandler(error => { throw new Error('outer', { cause: error }) })
      boom(app)
    },
    exceptions: [{ exceptionType: 'Error', outerMessage: 'outer', details: [{ stack: /OrderError: it broke/ }] }]
  },
  {
    name: 'a header that Node.js refuses, also in the answer to the error',
    routes: app => { app.get('/', async (_request, reply) => { reply.header('x-name', 'bad\nvalue'); return 'ok' }) },
    act: overNetwork,
    exceptions: [{ exceptionType: 'TypeError', outerMessage: /Invalid character/, customDimensions: { code: 'ERR_INVALID_CHAR', reqId: 'req-1' } }],
    traces: [/^Server listening/, /Invalid character/]
  },
  {
    name: 'two errors of one kind that are thrown at different places',
    routes: app => {
      app.setErrorHandler(() => { throw new OrderError('it broke') })
      boom(app)
    },
    exceptions: [broken, broken]
  },
  {
    name: 'a payload that fails midway',
    routes: app => { app.get('/', async () => Readable.from((async function * () { yield 'chunk'; await pause(20); throw new OrderError('it broke') })())) },
    act: overNetwork,
    exceptions: [{ ...broken, customDimensions: { logMessage: 'response terminated with an error with headers already sent' } }],
    traces: [/^Server listening/]
  },
  {
    name: 'a payload that is aborted midway',
    routes: app => { app.get('/', async () => Readable.from((async function * () { yield 'chunk'; await pause(20); throw new DOMException('left', 'AbortError') })())) },
    act: overNetwork,
    exceptions: [],
    traces: [/^Server listening/, /^response terminated/]
  },
  {
    name: 'work that is aborted because the client left',
    routes: app => {
      app.get('/', async request => {
        const left = new AbortController()
        request.raw.socket.once('close', () => left.abort())
        await pause(1_000, undefined, { signal: left.signal })
      })
    },
    act: leave,
    exceptions: [],
    traces: [/^Server listening/, 'The operation was aborted'],
    check: (t, { requests }) => t.match(requests, [{ resultCode: '499' }])
  },
  {
    name: 'work that is aborted because the client left, and a custom handler says nothing',
    routes: app => {
      app.setErrorHandler((_error, _request, reply) => reply.code(500).send({}))
      app.get('/', async request => { await new Promise((_resolve, reject) => request.raw.socket.once('close', () => reject(new DOMException('left', 'AbortError')))) })
    },
    act: leave,
    exceptions: [],
    traces: [/^Server listening/]
  },
  {
    name: 'another error after the client left',
    routes: app => {
      app.get('/', async request => { await new Promise(resolve => request.raw.socket.once('close', resolve)); throw new OrderError('it broke') })
    },
    act: leave,
    exceptions: [broken],
    traces: [/^Server listening/]
  },
  {
    name: 'work that is aborted although the client waits',
    routes: app => { app.get('/', async () => { throw new DOMException('timed out', 'AbortError') }) },
    exceptions: [{ exceptionType: 'AbortError' }]
  },
  {
    name: 'one Error object that two requests throw',
    routes: app => { const error = new OrderError('it broke'); app.get('/', async () => { throw error }) },
    act: async app => { await app.inject('/'); await app.inject('/') },
    exceptions: [broken, broken],
    check: (t, { exceptions }) => t.not(exceptions[0]!.operation_Id, exceptions[1]!.operation_Id)
  },
  { name: 'logged as fatal', routes: app => { app.get('/', async request => { request.log.fatal(new OrderError('it broke'), 'the end') }) }, exceptions: [{ ...broken, severityLevel: 4 }] },
  {
    name: 'logged below error',
    routes: app => { app.get('/', async request => { request.log.warn(new OrderError('it broke'), 'never mind') }) },
    exceptions: [],
    traces: ['never mind'],
    check: (t, { traces }) => t.match(traces[0], { severityLevel: 2, customDimensions: { err: /"type":"OrderError","message":"it broke","stack":"OrderError: it broke\\n.*"orderId":42/ } })
  },
  ...['error', 'exception', 'reason'].map((field): Case => ({
    name: `logged in the field ${field}`,
    routes: app => { app.get('/', async request => { request.log.error({ [field]: new OrderError('it broke'), a: 1 }, 'failed') }) },
    exceptions: [{ ...broken, customDimensions: { logMessage: 'failed', a: '1', code: 'E_ORDER', [field]: /"orderId":42/ }, details: [{ stack: /OrderError: it broke\n {4}at / }] }]
  })),
  {
    name: 'with another errorKey',
    server: { logger: { stream: sink(), errorKey: 'error' } },
    routes: app => { app.get('/', async request => { request.log.error(new OrderError('it broke')) }) },
    exceptions: [{ ...broken, customDimensions: { logMessage: 'it broke', error: '{"orderId":42}' } }]
  },
  { name: 'with nestedKey', server: { logger: { stream: sink(), nestedKey: 'payload' } }, routes: boom, exceptions: [{ ...broken, customDimensions: { code: 'E_ORDER', err: '{"orderId":42}' } }] },
  { name: 'with nestedKey and without a line', server: { logger: { stream: sink(), nestedKey: 'payload' }, disableRequestLogging: true }, routes: boom, exceptions: [{ ...broken, customDimensions: { code: 'E_ORDER' } }] },
  { name: 'with msgPrefix', server: { logger: { stream: sink(), msgPrefix: '> ' } }, routes: boom, exceptions: [{ ...broken, customDimensions: { logMessage: '> it broke' } }] },
  {
    name: 'with a formatter that renames the error, as ECS does',
    server: logger({ formatters: { log: ({ err, ...rest }: { err?: Error }) => err === undefined ? rest : { ...rest, error: { type: err.name, message: err.message, stack_trace: err.stack } } } }),
    routes: boom,
    exceptions: [{ ...broken, details: [{ stack: /OrderError: it broke\n {4}at / }] }]
  },
  { name: 'with a serializer that is brief', server: logger({ serializers: { err: (error: Error) => error.message } }), routes: boom, exceptions: [{ ...broken, details: [{ stack: /OrderError: it broke\n {4}at / }] }] },
  { name: 'with pino\'s other serializer', server: logger({ serializers: { err: pino.stdSerializers.errWithCause } }), routes: app => { app.get('/', async () => { throw new Error('outer', { cause: new OrderError('it broke') }) }) }, exceptions: [{ outerMessage: 'outer', details: [{ stack: /Error: outer\n[^]*caused by: OrderError: it broke\n/ }] }] },
  { name: 'a line of another level is filtered, the exception is not', options: { logs: { filter: () => false } }, routes: boom, exceptions: [broken] },
  { name: 'logs: false, thrown', options: { logs: false }, routes: boom, exceptions: [broken] },
  {
    name: 'logs: false, logged twice',
    options: { logs: false },
    routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); request.log.info('hello'); request.log.error(error, 'first'); request.log.error(error, 'again') }) },
    exceptions: [{ ...broken, customDimensions: { logMessage: 'first' } }]
  },
  {
    name: 'exceptions: false',
    options: { exceptions: false },
    routes: boom,
    exceptions: [],
    traces: ['it broke'],
    check: (t, { traces }) => t.match(traces[0], { severityLevel: 3, customDimensions: { err: /"type":"OrderError"/ } })
  },
  {
    name: '4xx',
    routes: app => { app.get('/', async () => { throw Object.assign(new Error('not yours'), { statusCode: 403 }) }) },
    exceptions: [],
    traces: ['not yours'],
    check: (t, { traces }) => t.match(traces[0], { severityLevel: 1, customDimensions: { err: /"statusCode":403/ } })
  },
  {
    name: '4xx with clientErrors',
    options: { exceptions: { clientErrors: true } },
    routes: app => { app.get('/', async () => { throw Object.assign(new Error('not yours'), { statusCode: 403 }) }) },
    exceptions: [{ outerMessage: 'not yours', severityLevel: 3, customDimensions: { logMessage: 'not yours' } }]
  },
  {
    name: '4xx with clientErrors and a silent handler',
    options: { exceptions: { clientErrors: true } },
    routes: app => { app.setErrorHandler((_error, _request, reply) => reply.code(422).send({})); boom(app) },
    exceptions: [broken]
  },
  {
    name: '4xx that the app logs as an error',
    routes: app => { app.get('/', async (request, reply) => { request.log.error(new OrderError('it broke'), 'odd'); return reply.code(404).send({}) }) },
    exceptions: [broken]
  },
  { name: 'a schema that refuses', routes: app => { app.get('/', { schema: { querystring: { type: 'object', required: ['a'] } } }, async () => 'ok') }, exceptions: [], traces: ["querystring must have required property 'a'"] },
  { name: 'no such route', routes: () => {}, exceptions: [], traces: ['Route GET:/ not found'] },
  { name: 'a field called err that is none', routes: app => { app.get('/', async request => { request.log.error({ err: false }, 'fine') }) }, exceptions: [], traces: ['fine'] }
]

async function outside (run: () => void): Promise<void> {
  const { context, ROOT_CONTEXT } = await import('@opentelemetry/api')
  context.with(ROOT_CONTEXT, run)
}

t.test('an error', async t => {
  const run = await createRunner(t)
  for (const { name, exceptions, traces = [], check, ...rest } of cases) {
    t.test(name, async t => {
      const rows = await run(rest)
      t.equal(rows.exceptions.length, exceptions.length, 'as many exception rows as there should be')
      t.match(rows.exceptions, exceptions)
      t.match(rows.traces.map(row => row.message), traces, 'and these traces')
      t.equal(rows.traces.length, traces.length, 'and no others')
      for (const row of rows.exceptions) t.match(row.details[0]!.stack, /\S/, 'with a stack')
      check?.(t, rows)
    })
  }
})
