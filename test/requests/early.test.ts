/** Hooks added before the plugin: what they log and throw still belongs to their request. */
import { setTimeout as pause } from 'node:timers/promises'
import { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify'
import t from 'tap'
import { sink, start } from '../fixtures/start'

function gatekeeper (app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    request.log.info('looked up')
    await pause(50)
    request.log.child({ part: 'gate' }).warn('decided')
    if (request.url.endsWith('denied')) return await reply.code(401).send({ denied: true })
    if (request.url.endsWith('broken')) throw new Error('the gate is broken')
    if (request.url.endsWith('logged')) {
      const error = new Error('the gate is broken')
      request.log.error(error, 'gate')
      throw error
    }
  })
}

for (const injected of [false, true]) {
  t.test(`lines and errors from a hook before the plugin belong to its request${injected ? ', with inject() too' : ''}`, async t => {
    const { app, emulator, send } = await start(t, { before: gatekeeper, routes: app => { app.get('/users/:id', async () => 'ok') } })
    for (const id of ['denied', 'broken', 'logged', '1']) {
      if (injected) await app.inject(`/users/${id}`)
      else await send(`/users/${id}`)
    }
    await app.close()
    const requests = emulator.items({ type: 'request' })
    t.same(requests.map(row => [row.name, row.resultCode]), [['GET /users/:id', '401'], ['GET /users/:id', '500'], ['GET /users/:id', '500'], ['GET /users/:id', '200']])
    t.ok(requests.every(row => row.duration >= 45), requests.map(row => row.duration).join(' '))
    for (const message of ['looked up', 'decided']) {
      t.same(emulator.items({ message }).map(row => [row.operation_Id, row.operation_ParentId, row.operation_Name]), requests.map(row => [row.operation_Id, row.id, row.name]), message)
    }
    t.match(emulator.items({ message: 'decided' })[0], { customDimensions: { part: 'gate' } })
    const exceptions = emulator.items({ type: 'exception' })
    t.same(exceptions.map(row => [row.outerMessage, row.operation_Id]), [['the gate is broken', requests[1]!.operation_Id], ['the gate is broken', requests[2]!.operation_Id]], 'one for each error')
    t.equal(exceptions[1]!.customDimensions.logMessage, 'gate')
    for (const line of emulator.items({ message: 'looked up' })) {
      const request = requests.find(row => row.operation_Id === line.operation_Id)!
      t.ok(Date.parse(line.timestamp) <= Date.parse(request.timestamp) + request.duration, 'a line is within its request')
    }
  })
}

t.test('the system clock, set back while a request with such a hook runs, does not change its duration', async t => {
  const { app, emulator } = await start(t, {
    before: gatekeeper,
    routes: app => {
      app.get('/users/:id', async () => {
        const { now } = Date
        t.capture(Date, 'now', () => now() - 3_600_000)
        return 'ok'
      })
    }
  })
  await app.inject('/users/1')
  await app.close()
  const [request] = emulator.items({ type: 'request' })
  t.ok(request!.duration >= 45 && request!.duration < 60_000, `${request!.duration} ms`)
})

t.test('lines logged by such a hook make no rows if the route is ignored', async t => {
  const { app, emulator } = await start(t, { options: { ignore: ['/users/:id'] }, before: gatekeeper, routes: app => { app.get('/users/:id', async () => 'ok') } })
  for (const id of ['denied', 'broken', '1']) await app.inject(`/users/${id}`)
  await app.close()
  t.same(emulator.items(row => row.type === 'request' || row.type === 'exception' || /looked up|decided/.test(row.message ?? '')), [])
})

t.test('flush() and close() send the lines of a hook that never ends, and those of other loggers with a reqId', async t => {
  const { app, emulator, port } = await start(t, {
    before: app => { app.addHook('onRequest', (request, _reply, done) => { request.log.info('waiting'); if (request.url !== '/hangs') done() }) },
    routes: app => { app.get('/', async () => 'ok') },
    server: { forceCloseConnections: true }
  })
  const call = fetch(`http://127.0.0.1:${port}/hangs`).catch(() => {})
  const job = app.log.child({ reqId: 'job-7' })
  job.info('a job of the app')
  while (!(await app.appInsights.flush().then(() => emulator.items({ message: 'waiting' }).length > 0))) await pause(5)
  t.equal(emulator.items({ message: 'a job of the app' }).length, 1)
  job.info('again')
  await app.close()
  await call
  t.equal(emulator.items({ message: 'again' }).length, 1)
})

t.test("Fastify's own request lines belong to their request, if enabled", async t => {
  const { app, emulator } = await start(t, { options: { logs: { requestLogs: true } }, before: gatekeeper, routes: app => { app.get('/users/:id', async () => 'ok') } })
  await app.inject('/users/denied')
  await app.inject('/users/1')
  await app.close()
  const ids = emulator.items({ type: 'request' }).map(row => row.operation_Id)
  for (const message of ['incoming request', 'request completed']) t.same(emulator.items({ message }).map(row => row.operation_Id), ids, message)
})

const labels: Array<[how: string, server: FastifyServerOptions]> = [
  ['by the log controller', { logController: new LogController({ requestIdLogLabel: 'trace' }) }],
  ['by a log controller of the app', { logController: new class extends LogController { override requestIdLogLabel = 'trace' }() }]
]
for (const [how, server] of labels) {
  t.test(`the lines of such a hook belong to its request if the id is renamed ${how}`, async t => {
    const { app, emulator } = await start(t, { server: { logger: { stream: sink() }, ...server }, before: gatekeeper, routes: app => { app.get('/users/:id', async () => 'ok') } })
    await app.inject('/users/1')
    await app.close()
    const [request] = emulator.items({ type: 'request' })
    t.match(emulator.items({ type: 'trace', message: 'looked up' }), [{ operation_Id: request!.operation_Id, operation_Name: 'GET /users/:id', customDimensions: { trace: 'req-1' } }])
  })
}
