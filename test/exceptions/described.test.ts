/** An exception keeps the type and message from the app, never empty, with or without a logger. */
import { runInNewContext } from 'node:vm'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import { type Runner, createRunner } from '../fixtures/rows'
import { sink, start } from '../fixtures/start'

const named = (name: unknown, error: Error = new Error('broke')): Error => Object.assign(error, { name })
const withMessage = (message: unknown): Error => Object.assign(new Error('replaced'), { message })
const Nameless = (() => class extends Error {})()
const NamelessThing = (() => class { a = 1 })()
class NotReady extends Error {}
class Renamed extends Error { override name = 'OrderError' }
class Inherited extends Renamed {}
class Getter extends Error { override get name (): string { return 'FromGetter' } }
function OldStyle (this: { message: string }): void { this.message = 'old' }
OldStyle.prototype = Object.create(Error.prototype, { name: { value: 'OldError' }, constructor: { value: OldStyle } }) as object

const cases: Array<[name: string, make: () => unknown, type: string, message: string | RegExp]> = [
  ['new Error()', () => new Error(), 'Error', 'Error'],
  ['an error with a blank message', () => new TypeError('  \n'), 'TypeError', 'TypeError'],
  ['an AggregateError without a message', () => new AggregateError([new Error('connect ECONNREFUSED ::1:1')]), 'AggregateError', 'AggregateError'],
  ['a class of its own without a message', () => new NotReady(), 'NotReady', 'NotReady'],
  ['a class without a name', () => new Nameless('broke'), 'Error', 'broke'],
  ['a class without a name, and no message', () => new Nameless(), 'Error', 'Error'],
  ['an object of a class without a name', () => new NamelessThing(), 'Object', '{"a":1}'],
  ['undefined', () => undefined, 'undefined', 'undefined'],
  ['a symbol', () => Symbol('late'), 'symbol', 'Symbol(late)'],
  ['a symbol without a text', () => Symbol(''), 'symbol', 'Symbol()'],
  ['a function', () => function late () {}, 'Function', '[Function: late]'],
  ['an empty string', () => '', 'string', 'string'],
  ['an empty object', () => ({}), 'Object', '{}'],
  ['an object with an empty message', () => ({ message: '' }), 'Object', 'Object'],
  ['an object as message', () => withMessage({ why: 'late' }), 'Error', '{"why":"late"}'],
  ['a number as message', () => withMessage(42), 'Error', '42'],
  ['null as message', () => withMessage(null), 'Error', 'Error'],
  ['a name that the app has set', () => named('ValidationError'), 'ValidationError', 'broke'],
  ['a name that the app has set on a TypeError', () => named('ValidationError', new TypeError('broke')), 'ValidationError', 'broke'],
  ['a name that is blank', () => named(' '), 'Error', 'broke'],
  ['a name that says nothing', () => named('error', new NotReady('broke')), 'NotReady', 'broke'],
  ['a name that is no text', () => named({ a: 1 }), 'Error', 'broke'],
  ['a name that cannot be seen', () => Object.defineProperty(new Error('broke'), 'name', { value: 'QuietError' }), 'QuietError', 'broke'],
  ['a name of the class', () => new Renamed('broke'), 'OrderError', 'broke'],
  ['a name of the class above', () => new Inherited('broke'), 'OrderError', 'broke'],
  ['a name from a getter', () => new Getter('broke'), 'FromGetter', 'broke'],
  ['a class of the old style', () => new (OldStyle as unknown as new () => Error)(), 'OldError', 'old'],
  ['a DOMException', () => new DOMException('stopped', 'AbortError'), 'AbortError', 'stopped'],
  ['a DOMException without a message', () => new DOMException('', 'TimeoutError'), 'TimeoutError', 'TimeoutError'],
  ['what AbortSignal.timeout gives', () => AbortSignal.abort().reason, 'AbortError', /aborted/],
  ['a message that was cut inside an emoji', () => new Error('broke 😀'.slice(0, -1)), 'Error', 'broke \ufffd'],
  ['a code that is a BigInt', () => Object.assign(new Error('broke'), { code: 9007199254740993n }), 'Error', 'broke']
]

const modes: Array<[name: string, server: FastifyServerOptions, isSilent: boolean]> = [
  ['logged by the default handler', { logger: { stream: sink() } }, false],
  ['logged by nobody', { logger: { stream: sink() } }, true],
  ['without a logger', { logger: false }, true]
]

/** Fastify itself fails on some of these: then our row is all there is. */
async function rowOf (run: Runner, server: FastifyServerOptions, isSilent: boolean, make: () => unknown) {
  return await run({
    server,
    routes: app => {
      if (isSilent) app.setErrorHandler((_error, _request, reply) => reply.code(500).send({}))
      app.get('/', async () => { throw make() })
    },
    act: async app => { await app.inject('/').catch(() => {}) }
  })
}

for (const [mode, server, isSilent] of modes) {
  t.test(mode, async t => {
    const run = await createRunner(t)
    for (const [name, make, type, message] of cases) {
      t.test(name, async t => {
        const { exceptions } = await rowOf(run, server, isSilent, make)
        t.match(exceptions, [{ exceptionType: type, outerMessage: message, details: [{ typeName: type, message, stack: /\S/ }] }])
        t.equal(exceptions.length, 1)
        t.notMatch(JSON.stringify(exceptions[0]!.customDimensions), /_ERR/, 'and no constants of its class')
      })
    }
  })
}

t.test("an error of a node:vm sandbox, which is no instance of the app's Error, is an error wherever it appears", async t => {
  t.capture(console, 'error', () => {})
  const sandboxed = (message: string): Error => runInNewContext('Object.assign(new RangeError(message), { code: "E_LIMIT" })', { message }) as Error
  const { send, emulator, flush } = await start(t, {
    options: { logs: { console: true } },
    routes: app => {
      app.get('/logged', async request => { request.log.error(sandboxed('logged')) })
      app.get('/console', async () => { console.error('failed:', sandboxed('printed')) })
      app.get('/recorded', async request => {
        const error = sandboxed('recorded')
        request.appInsights.span.recordException(error)
        throw error
      })
      app.get('/property', async request => { request.appInsights.trackEvent('refused', { why: sandboxed('told') as unknown as string }) })
    }
  })
  for (const path of ['/logged', '/console', '/recorded', '/property']) await send(path)
  await flush()
  for (const [path, message] of [['/logged', 'logged'], ['/console', 'printed'], ['/recorded', 'recorded']] as const) {
    const exceptions = emulator.items({ type: 'exception', operation_Name: `GET ${path}` })
    t.match(exceptions, [{ exceptionType: 'RangeError', outerMessage: message, customDimensions: { code: 'E_LIMIT' } }], path)
    t.equal(exceptions.length, 1, path)
  }
  t.equal(emulator.items({ type: 'exception', operation_Name: 'GET /console' })[0]!.customDimensions.logMessage, 'failed: printed')
  t.match(JSON.parse(emulator.items({ type: 'event' })[0]!.customDimensions.why!), { type: 'RangeError', message: 'told', code: 'E_LIMIT' })
})

t.test('a DOMException logged below error shows no constants either', async t => {
  const run = await createRunner(t)
  const { traces } = await run({
    routes: app => {
      app.get('/', async request => {
        request.log.warn(new DOMException('stopped', 'AbortError'))
        request.log.warn({ err: new AggregateError([new DOMException('one', 'DataError')], 'many') })
      })
    }
  })
  t.match(traces, [{ message: 'stopped', customDimensions: { err: /"type":"DOMException","message":"stopped"/ } }, { customDimensions: { err: /"message":"one"/ } }])
  t.notMatch(JSON.stringify(traces), /_ERR/)
})

t.test('a formatter moves the error, so that pino writes it as {}', async t => {
  const run = await createRunner(t)
  const SECRET = 'pl4nted-s3cret'
  const moves: Array<[name: string, log: (fields: Record<string, unknown>) => Record<string, unknown>]> = [
    ['below another field', fields => ({ payload: fields })],
    ['two levels below', fields => ({ a: { b: { ...fields } } })],
    ['to another field', ({ err, ...rest }) => ({ ...rest, failure: err })],
    ['into a list', ({ err, ...rest }) => ({ ...rest, errors: [err] })]
  ]
  const hidden: Array<[name: string, options: object]> = [
    ['where it was', { redact: ['err.message'] }],
    ['as a whole', { redact: ['err'] }],
    ['by a serializer', { serializers: { err: (error: Error) => ({ type: error.name }) } }],
    ['by a hook', { hooks: { streamWrite: (line: string) => line.replaceAll(SECRET, '***') } }]
  ]
  const places: Record<string, string> = { 'below another field': 'payload.err.message', 'two levels below': 'a.b.err.message', 'to another field': 'failure.message', 'into a list': 'errors[*].message' }
  for (const [name, log] of moves) {
    for (const isSilent of [false, true]) {
      t.test(`${name}, ${isSilent ? 'logged by nobody' : 'logged'}`, async t => {
        const { exceptions } = await rowOf(run, { logger: { stream: sink(), redact: ['password'], formatters: { log } } }, isSilent, () => new TypeError('why it broke'))
        t.match(exceptions, [{ exceptionType: 'TypeError', outerMessage: 'why it broke', details: [{ stack: /^TypeError: why it broke\n {4}at / }] }])
        t.equal(exceptions.length, 1)
        for (const [how, options] of [...hidden, ['where it is', { redact: [places[name]] }]] as typeof hidden) {
          const { exceptions: [row] } = await rowOf(run, { logger: { stream: sink(), ...options, formatters: { log } } }, isSilent, () => new TypeError(SECRET))
          t.notMatch(JSON.stringify(row), SECRET, `hidden ${how}`)
          t.match(row!.outerMessage, /\S/)
        }
      })
    }
  }
})
