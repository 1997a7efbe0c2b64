/** `trackException`: one row per error, however often it is tracked, logged, thrown or recorded. */
import { SpanStatusCode, trace } from '@opentelemetry/api'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { type Rows, type Run, createRunner } from '../fixtures/rows'
import { start } from '../fixtures/start'

interface Case extends Run {
  name: string
  exceptions: object[]
  traces?: string[]
  check?: (t: Test, rows: Rows) => void
}

class OrderError extends Error { override name = 'OrderError'; code = 'E_ORDER'; orderId = 42 }
const order = { exceptionType: 'OrderError', outerMessage: 'it broke', severityLevel: 3, operation_Name: 'GET /', customDimensions: { code: 'E_ORDER', err: '{"orderId":42}' } }
const text = 'PostgreSQL error of type \'error\' occurred (code: 42P01)'

/** Like instrumentation-pg: a text that reveals nothing about the query, and the error's message as the span's status. */
function failingQuery (app: FastifyInstance, error: Error): void {
  const span = app.appInsights.tracer.startSpan('pg.query')
  span.recordException(text)
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
  span.end()
}

const cases: Case[] = [
  { name: 'tracked', routes: app => { app.get('/', async request => { request.appInsights.trackException(new OrderError('it broke'), { step: 'pay' }) }) }, exceptions: [{ ...order, customDimensions: { ...order.customDimensions, step: 'pay' } }] },
  { name: 'tracked by the instance', routes: app => { app.get('/', async () => { app.appInsights.trackException(new OrderError('it broke'), { step: 'pay' }) }) }, exceptions: [{ ...order, customDimensions: { step: 'pay' } }] },
  {
    name: 'tracked five times, recorded, logged and thrown',
    routes: app => {
      app.get('/', async request => {
        const error = new OrderError('it broke')
        for (let i = 0; i < 5; i++) request.appInsights.trackException(error, { first: i === 0 })
        app.appInsights.trackException(error)
        request.appInsights.span.recordException(error)
        request.log.error(error, 'again')
        throw error
      })
    },
    exceptions: [{ ...order, customDimensions: { first: 'true' } }],
    traces: ['again']
  },
  { name: 'thrown, and tracked in the error handler', routes: app => { app.setErrorHandler((error, request, reply) => { request.appInsights.trackException(error, { at: 'handler' }); return reply.code(500).send({}) }); app.get('/', async () => { throw new OrderError('it broke') }) }, exceptions: [{ ...order, customDimensions: { at: 'handler' } }] },
  { name: 'logged, and tracked after that', routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); request.log.error(error, 'first'); request.appInsights.trackException(error) }) }, exceptions: [{ ...order, customDimensions: { logMessage: 'first' } }] },
  { name: 'answered with 404', routes: app => { app.get('/', async (request, reply) => { request.appInsights.trackException(new OrderError('it broke')); return reply.code(404).send() }) }, exceptions: [order] },
  { name: 'with exceptions: false', options: { exceptions: false }, routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); request.appInsights.trackException(error); request.appInsights.span.recordException(error); throw error }) }, exceptions: [order], traces: ['it broke'] },
  { name: 'without a logger', server: { logger: false }, routes: app => { app.get('/', async request => { request.appInsights.trackException(new OrderError('it broke'), { step: 'pay' }) }) }, exceptions: [{ ...order, customDimensions: { step: 'pay', code: 'E_ORDER' } }] },
  { name: 'redacted as the logger would', server: { logger: { stream: { write () {} }, redact: ['err.message'] } }, routes: app => { app.get('/', async request => { request.appInsights.trackException(new OrderError('pl4nted')) }) }, exceptions: [{ outerMessage: '[Redacted]' }], check: (t, { exceptions }) => t.notMatch(JSON.stringify(exceptions), 'pl4nted') },
  { name: 'in a silent route', routes: app => { app.get('/', { config: { appInsights: false } }, async request => { request.appInsights.trackException(new OrderError('it broke')) }) }, exceptions: [] },
  { name: 'within a span', routes: app => { app.get('/', async request => { request.appInsights.startSpan('pay', span => { request.appInsights.trackException(new OrderError('it broke')); t.ok(span) }) }) }, exceptions: [order], check: (t, { exceptions, all }) => t.equal(exceptions[0]!.operation_ParentId, all.find(row => row.type === 'dependency')!.id) },
  { name: 'in the background', act: async app => { await app.appInsights.operation('job', async operation => { const error = new OrderError('it broke'); operation.trackException(error); throw error }).catch(() => {}) }, exceptions: [{ ...order, operation_Name: 'job' }] },
  { name: 'outside of any operation', act: async app => { app.appInsights.trackException(new OrderError('it broke')) }, exceptions: [{ ...order, operation_Name: undefined }] },
  // What instrumentations record.
  { name: 'a text recorded for an error that is thrown', routes: app => { app.get('/', async () => { const error = new OrderError('it broke'); failingQuery(app, error); throw error }) }, exceptions: [order], check: (t, { exceptions }) => t.match(exceptions[0]!.details[0]!.stack, /OrderError: it broke\n|Error: it broke\n {4}at /) },
  { name: 'twice, by a pool and its client', routes: app => { app.get('/', async () => { const error = new OrderError('it broke'); failingQuery(app, error); failingQuery(app, error); throw error }) }, exceptions: [order] },
  { name: 'for an error that is logged', routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); failingQuery(app, error); request.log.error(error, 'first') }) }, exceptions: [order] },
  { name: 'for an error that was logged before', routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); request.log.error(error, 'first'); failingQuery(app, error) }) }, exceptions: [order] },
  { name: 'for an error that is tracked', routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); failingQuery(app, error); request.appInsights.trackException(error) }) }, exceptions: [order] },
  { name: 'for the cause of an error that is thrown', routes: app => { app.get('/', async () => { const error = new OrderError('it broke'); failingQuery(app, error); throw new Error('no such page', { cause: error }) }) }, exceptions: [{ exceptionType: 'Error', outerMessage: 'no such page' }] },
  { name: 'for an error that is answered with 404', routes: app => { app.get('/', async () => { const error = Object.assign(new OrderError('it broke'), { statusCode: 404 }); failingQuery(app, error); throw error }) }, exceptions: [], traces: ['it broke'] },
  { name: 'for an error that nobody else reports', routes: app => { app.get('/', async () => { failingQuery(app, new OrderError('it broke')) }) }, exceptions: [{ exceptionType: 'string', outerMessage: text, operation_Name: 'GET /' }] },
  { name: 'for another error than the one that is thrown', routes: app => { app.get('/', async () => { failingQuery(app, new Error('deadlock')); throw new OrderError('it broke') }) }, exceptions: [order, { outerMessage: text }] },
  { name: 'a copy recorded for an error that is thrown', routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); request.appInsights.span.recordException({ name: error.name, message: error.message }); throw error }) }, exceptions: [order] },
  { name: 'a copy that is all there is', routes: app => { app.get('/', async request => { request.appInsights.span.recordException({ name: 'CopyError', message: 'copied', stack: 'CopyError: copied\n    at copy (a.js:1:1)' }) }) }, exceptions: [{ exceptionType: 'CopyError', outerMessage: 'copied', details: [{ stack: /at copy/ }] }] },
  { name: 'nothing recorded on the active span', routes: app => { app.get('/', async () => { for (const nothing of [undefined, null]) trace.getActiveSpan()!.recordException(nothing as unknown as string) }) }, exceptions: [] },
  { name: 'an Error recorded, then thrown', routes: app => { app.get('/', async request => { const error = new OrderError('it broke'); request.appInsights.span.recordException(error); throw error }) }, exceptions: [order] },
  { name: 'a text recorded in the background, for an error that is thrown there', act: async app => { await app.appInsights.operation('job', async () => { const error = new OrderError('it broke'); failingQuery(app, error); throw error }).catch(() => {}) }, exceptions: [{ ...order, operation_Name: 'job' }] },
  { name: 'a text recorded in the background, for an error that is caught', act: async app => { await app.appInsights.operation('job', async () => { failingQuery(app, new OrderError('it broke')) }) }, exceptions: [{ outerMessage: text, operation_Name: 'job' }] },
  { name: 'a text recorded outside of any operation, for an error that is logged', act: async app => { const error = new OrderError('it broke'); failingQuery(app, error); await new Promise(setImmediate); app.log.error(error, 'at start') }, exceptions: [{ outerMessage: 'it broke', customDimensions: { logMessage: 'at start' } }] },
  { name: 'a text recorded outside of any operation', act: async app => { failingQuery(app, new OrderError('it broke')) }, exceptions: [{ outerMessage: text }] },
  { name: 'a text recorded in a silent route', routes: app => { app.get('/', { config: { appInsights: false } }, async () => { failingQuery(app, new OrderError('it broke')) }) }, exceptions: [] }
]

t.test('an error', async t => {
  const run = await createRunner(t)
  for (const { name, exceptions, traces = [], check, ...rest } of cases) {
    t.test(name, async t => {
      const rows = await run(rest)
      t.equal(rows.exceptions.length, exceptions.length, 'as many exception rows as there should be')
      t.match(rows.exceptions, exceptions)
      t.strictSame(rows.traces.map(row => row.message), traces)
      for (const row of rows.exceptions) t.match(row.details[0]!.stack, /\S/, 'with a stack')
      check?.(t, rows)
    })
  }
})

t.test("flush() doesn't wait for the error that a recorded text announces", async t => {
  const { app, emulator, flush } = await start(t)
  trace.getTracer('app').startActiveSpan('outside', span => { span.recordException('alone'); span.end() })
  await flush()
  t.match(emulator.items({ type: 'exception' }), [{ outerMessage: 'alone' }])
  app.appInsights.trackException('a text', { a: 1 })
  await flush()
  t.match(emulator.items({ type: 'exception', message: 'a text' }), [{ exceptionType: 'string', customDimensions: { a: '1' } }])
})
