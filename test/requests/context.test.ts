import { connect } from 'node:net'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import multipart from '@fastify/multipart'
import { context, trace } from '@opentelemetry/api'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { start } from '../fixtures/start'

/** Whether the active span is this request's. */
const isActive = (request: FastifyRequest): boolean => trace.getActiveSpan() === request.appInsights.span

t.test('the span is active in every hook, in the handler and in error handlers', async t => {
  const seen: Record<string, boolean[]> = {}
  const see = (name: string, request: FastifyRequest): void => { (seen[name] ??= []).push(isActive(request)) }
  const hooks = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'preSerialization', 'onSend', 'onResponse', 'onError'] as const
  const { app, port, send } = await start(t, {
    routes: app => {
      for (const name of hooks) app.addHook(name as 'onRequest', async request => { see(name, request) })
      app.addHook('onRequestAbort', async request => { see('onRequestAbort', request) })
      app.addContentTypeParser('text/slow', (request, payload, done) => {
        payload.resume().on('end', () => { see('parser', request); done(null, {}) })
      })
      app.setErrorHandler((_error, request, reply) => { see('errorHandler', request); reply.code(500).send({ failed: true }) })
      app.setNotFoundHandler((request, reply) => { see('notFoundHandler', request); reply.code(404).send({}) })
      app.post('/', async request => { see('handler', request); return { ok: true } })
      app.get('/throws', async () => { throw new Error('broken') })
      app.get('/timer', { handlerTimeout: 30 } as object, async () => { await pause(100) })
      app.get('/abort', async request => { await new Promise(resolve => request.raw.once('close', resolve)) })
      app.get('/emitter', (_request, reply) => {
        // An emitter created in another context calls back in that context.
        context.with(context.active().deleteValue(Symbol.for('none')), () => setImmediate(() => reply.send({ ok: true })))
      })
    }
  })

  // A body that arrives slowly, in chunks.
  const socket = connect(port, '127.0.0.1')
  socket.resume()
  socket.write('POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"slow":')
  await pause(60)
  socket.write('true}')
  await once(socket, 'close')
  await send('/', { method: 'POST', headers: { 'content-type': 'text/slow' }, body: 'x'.repeat(100_000) })
  await send('/throws')
  await send('/timer')
  await send('/nowhere')
  await send('/emitter')
  const leaver = connect(port, '127.0.0.1')
  leaver.write('GET /abort HTTP/1.1\r\nhost: a\r\n\r\n')
  while (app.appInsights.stats().openRequests === 0) await pause(5)
  leaver.destroy()
  while (app.appInsights.stats().openRequests > 0) await pause(5)

  t.same(Object.keys(seen).sort(), [...hooks, 'onRequestAbort', 'parser', 'errorHandler', 'notFoundHandler', 'handler'].sort())
  for (const [name, times] of Object.entries(seen)) {
    // A parser that reads the body itself is called from the socket's context.
    if (name !== 'parser') t.ok(times.every(Boolean), `${name}: ${times.join(' ')}`)
  }
})

t.test('child spans and logs of a multipart upload belong to its request', async t => {
  const { app, emulator, send } = await start(t, {
    routes: async app => {
      await app.register(multipart)
      app.post('/upload', async request => {
        for await (const part of request.parts()) {
          if (part.type === 'file') await part.toBuffer()
          app.appInsights.tracer.startActiveSpan(`store ${part.fieldname}`, span => { app.log.info('stored'); span.end() })
        }
        return 'ok'
      })
    }
  })
  const form = new FormData()
  form.set('name', 'report')
  form.set('file', new Blob(['x'.repeat(300_000)]), 'report.txt')
  t.equal((await send('/upload', { method: 'POST', body: form })).status, 200)
  await app.close()
  const [request] = emulator.items({ type: 'request' })
  const steps = emulator.items({ type: 'dependency' })
  t.match(steps, [{ name: 'store name' }, { name: 'store file' }])
  for (const step of steps) t.match(step, { operation_Id: request!.operation_Id, operation_ParentId: request!.id, operation_Name: 'POST /upload', dependencyType: 'InProc' })
  t.same(emulator.items({ message: 'stored' }).map(row => row.operation_ParentId), steps.map(row => row.id), 'a line within a step is its child')
})

t.test("a request's row is whole even if the app ends its span, in OpenTelemetry's way or in ours", async t => {
  const { app, emulator, send } = await start(t, {
    routes: app => {
      app.get('/active', async () => { trace.getActiveSpan()!.end(); throw new Error('broken') })
      app.get('/ours', async request => { request.appInsights.span.end(); await pause(40); return 'ok' })
      app.get('/job', async () => { app.appInsights.operation('job', ({ span }) => { span.end(); span.setAttribute('late', 'yes') }); return 'ok' })
    }
  })
  for (const path of ['/active', '/ours', '/job']) await send(path)
  await app.close()
  const byName = (name: string): object[] => emulator.items({ type: 'request', name })
  t.match(byName('GET /active'), [{ resultCode: '500', success: false, url: /active$/ }])
  t.match(byName('GET /ours'), [{ resultCode: '200', success: true, url: /ours$/ }])
  t.ok(emulator.items({ type: 'request', name: 'GET /ours' })[0]!.duration >= 35, 'it lasts until the response')
  t.match(byName('job'), [{ customDimensions: { late: 'yes' } }])
  t.equal(emulator.items({ type: 'request' }).length, 4)
})

t.test("the row has OpenTelemetry's attributes for a server span", async t => {
  const spans: Array<{ name: string, kind: number, attributes: object }> = []
  const { send, port, app } = await start(t, {
    options: { spanProcessors: [{ onStart () {}, onEnd (span) { spans.push(span) }, async forceFlush () {}, async shutdown () {} }] },
    routes: app => { app.get('/users/:id', async () => 'ok') }
  })
  await send('/users/7?token=abc', { headers: { 'user-agent': 'test/1' } })
  await app.close()
  t.match(spans, [{
    name: 'GET /users/:id',
    kind: 1,
    attributes: {
      'http.request.method': 'GET',
      'http.route': '/users/:id',
      'http.response.status_code': 200,
      'url.full': `http://127.0.0.1:${port}/users/7?token=REDACTED`,
      'server.address': '127.0.0.1',
      'server.port': port,
      'client.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'user_agent.original': 'test/1'
    }
  }])
})
