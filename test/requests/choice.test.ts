import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { start } from '../fixtures/start'

let healthy = true

function routes (app: FastifyInstance): void {
  const handler = async (request: { log: { info: (text: string) => void } }): Promise<string> => {
    request.log.info('a line')
    app.appInsights.tracer.startActiveSpan('a step', span => span.end())
    return 'ok'
  }
  app.get('/', handler)
  app.get('/health', async request => {
    request.log.info('checked')
    if (!healthy) throw new Error('not well')
    return 'ok'
  })
  app.get('/internal/a', handler)
  app.post('/internal/a', handler)
  app.get('/silent', { config: { appInsights: false } }, async request => { await handler(request); throw new Error('unheard') })
}

t.test('a route can be silenced, including its logs, errors and child spans', async t => {
  const { app, emulator, send } = await start(t, { routes })
  t.equal((await send('/silent')).status, 500)
  await app.close()
  t.same(emulator.items({ type: 'request' }), [])
  t.same(emulator.items({ type: 'dependency' }), [])
  t.same(emulator.items({ type: 'exception' }), [])
  t.same(emulator.items({ message: 'a line' }), [])
})

t.test('ignore takes route patterns, with a method or a wildcard, and functions', async t => {
  for (const [ignore, kept] of [
    [['/health'], ['GET /', 'GET /internal/a', 'POST /internal/a', 'GET (unmatched)']],
    [['GET /internal/a'], ['GET /', 'GET /health', 'POST /internal/a', 'GET (unmatched)']],
    [['/internal/*', '(unmatched)'], ['GET /', 'GET /health']],
    [(request: { url: string }) => request.url.includes('health'), ['GET /', 'GET /internal/a', 'POST /internal/a', 'GET (unmatched)']]
  ] as const) {
    const { app, emulator, send } = await start(t, { options: { ignore: ignore as unknown as string[] }, routes })
    for (const path of ['/', '/health', '/internal/a']) await send(path)
    await send('/internal/a', { method: 'POST' })
    await send('/nowhere')
    await app.close()
    t.same(emulator.items({ type: 'request' }).map(row => row.name), kept)
  }
})

t.test('a failed health check is kept even if successful ones are ignored', async t => {
  const { app, emulator, send } = await start(t, { options: { ignore: { routes: ['/health'], keepFailures: true } }, routes })
  healthy = true
  await send('/health')
  healthy = false
  await send('/health')
  healthy = true
  await send('/health')
  await app.close()
  t.match(emulator.items({ type: 'request' }), [{ name: 'GET /health', resultCode: '500', success: false, itemCount: 1 }])
  t.equal(emulator.items({ type: 'request' }).length, 1)
  t.equal(emulator.items({ message: 'checked' }).length, 1, 'with its log line')
  t.equal(emulator.items({ type: 'exception' }).length, 1, 'and its error')
})

t.test('what counts as a success is configurable', async t => {
  const { app, emulator, send } = await start(t, {
    options: { requests: { success: (status, request) => status < 500 && request.url !== '/' } },
    routes
  })
  await send('/')
  await send('/nowhere')
  await send('/silent')
  await app.close()
  t.match(emulator.items({ type: 'request' }), [{ name: 'GET /', resultCode: '200', success: false }, { name: 'GET (unmatched)', resultCode: '404', success: true }])
})

t.test('enrich adds properties at the end of a request', async t => {
  const { app, emulator, send } = await start(t, {
    options: { requests: { enrich: (request, reply) => ({ tenant: String(request.headers['x-tenant']), bytes: Number(reply.getHeader('content-length')) }) } },
    routes
  })
  await send('/', { headers: { 'x-tenant': 'acme' } })
  await app.close()
  t.match(emulator.items({ type: 'request' }), [{ customDimensions: { tenant: 'acme', bytes: '2' } }])
})
