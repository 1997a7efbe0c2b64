/** Anything that JavaScript lets an app throw makes a sensible row. */
import t from 'tap'
import { createRunner } from '../fixtures/rows'
import { sink } from '../fixtures/start'

const withoutStack = new Error('no stack')
delete withoutStack.stack
class Odd extends Error {}
const getters = Object.defineProperties(new Odd('hidden'), {
  name: { get () { throw new Error('no name') } },
  code: { get () { throw new Error('no code') }, enumerable: false },
  cause: { get () { throw new Error('no cause') } },
  errors: { get () { throw new Error('no errors') } }
})
const cyclic = new Error('round') as Error & { self?: unknown }
cyclic.self = cyclic
cyclic.cause = cyclic

const cases: Array<[name: string, thrown: unknown, row: Record<string, unknown>]> = [
  ['a string', 'plain text', { exceptionType: 'string', outerMessage: 'plain text' }],
  ['an empty string', '', { exceptionType: 'string' }],
  ['a number', 42, { exceptionType: 'number', outerMessage: '42' }],
  ['zero', 0, { exceptionType: 'number', outerMessage: '0' }],
  ['false', false, { exceptionType: 'boolean', outerMessage: 'false' }],
  ['a BigInt', 42n, { exceptionType: 'bigint', outerMessage: '42' }],
  ['a symbol', Symbol('sign'), { exceptionType: 'symbol' }],
  ['an object', { reason: 'none' }, { exceptionType: 'Object', outerMessage: '{"reason":"none"}' }],
  ['an object with a message', { message: 'of a kind', code: 'E_KIND' }, { exceptionType: 'Object', outerMessage: 'of a kind', customDimensions: { code: 'E_KIND' } }],
  ['an array', [1, 2], { exceptionType: 'Array', outerMessage: '[1,2]' }],
  ['a function', function thrower () {}, { exceptionType: 'Function' }],
  ['an error without a stack', withoutStack, { exceptionType: 'Error', outerMessage: 'no stack' }],
  ['an error without a message', new RangeError(), { exceptionType: 'RangeError' }],
  ['an error with getters that throw', getters, { outerMessage: 'hidden' }],
  ['an error that is its own cause', cyclic, { exceptionType: 'Error', outerMessage: 'round' }],
  ['a frozen error', Object.freeze(new Odd('stiff')), { exceptionType: 'Odd', outerMessage: 'stiff' }],
  ['an AggregateError', new AggregateError([new Error('one'), new TypeError('two'), 'three'], 'many'), { exceptionType: 'AggregateError', outerMessage: 'many', details: [{ stack: /AggregateError: many\n[^]*Error: one\n[^]*TypeError: two\n/ }] }],
  ['an error whose cause is a string', new Error('why', { cause: 'because' }), { outerMessage: 'why' }],
  ['an error with a stack that is no string', Object.assign(new Error('odd'), { stack: ['a', 'b'] }), { outerMessage: 'odd' }],
  ['a DOMException', new DOMException('stopped', 'AbortError'), { exceptionType: /AbortError|DOMException/, outerMessage: 'stopped' }],
  ['a null prototype', Object.assign(Object.create(null), { message: 'bare' }), { outerMessage: 'bare' }]
]

for (const [how, server] of [
  ['logged by the default handler', { logger: { stream: sink() } }],
  ['logged by nobody', { logger: { stream: sink() }, disableRequestLogging: true }],
  ['without a logger', { logger: false }]
] as const) {
  t.test(`thrown and ${how}`, async t => {
    const run = await createRunner(t)
    for (const [name, thrown, row] of cases) {
      t.test(name, async t => {
        const { exceptions, requests } = await run({
          server,
          // Fastify itself fails on some of these: then it ends with the handler.
          routes: app => {
            if (how === 'logged by nobody') app.setErrorHandler((_error, _request, reply) => reply.code(500).send({}))
            app.get('/', async () => { throw thrown })
          },
          act: async app => { await app.inject('/').catch(() => {}) }
        })
        t.equal(requests.length, 1)
        // Fastify's own answer to a BigInt fails as well, with another error.
        t.equal(exceptions.length, typeof thrown === 'bigint' && how !== 'logged by nobody' ? 2 : 1, 'one row')
        t.match(exceptions[0], { severityLevel: 3, operation_Name: 'GET /', operation_Id: requests[0]?.operation_Id, ...row })
        t.match(exceptions[0]?.details[0], { hasFullStack: true, stack: /\S/ })
      })
    }
  })
}

t.test('null and undefined', async t => {
  const run = await createRunner(t)
  for (const thrown of [null, undefined]) {
    t.test(String(thrown), async t => {
      const { exceptions, requests } = await run({ routes: app => { app.get('/', async () => { throw thrown }) } })
      t.equal(requests.length, 1)
      t.equal(exceptions.length, requests[0]!.success ? 0 : 1, 'an exception where the request failed')
    })
  }
})
