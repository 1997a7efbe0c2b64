/** Sessions that outlast a response: WebSockets, event streams, Socket.IO; with the real packages over real sockets. */
import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import sse from '@fastify/sse'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import t from 'tap'
import { WebSocket } from 'ws'
import { start } from '../fixtures/start'

/** Settles when the session has ended, with its close code or the error. */
async function session (url: string, talk: (socket: WebSocket) => void): Promise<number | string> {
  const socket = new WebSocket(url)
  socket.on('open', () => talk(socket))
  return await new Promise(resolve => {
    socket.on('close', code => resolve(code))
    socket.on('error', error => resolve(error.message))
  })
}

async function rowsOf (app: FastifyInstance): Promise<void> {
  while (app.appInsights.stats().openRequests > 0) await pause(5)
  await app.appInsights.flush()
}

for (const order of ['before', 'after']) {
  t.test(`a WebSocket session is a successful 101 with its own lines and errors (plugin ${order} @fastify/websocket)`, async t => {
    let finish = (): void => {}
    const ended = new Promise<void>(resolve => { finish = resolve })
    async function routes (app: FastifyInstance): Promise<void> {
      if (order === 'before') await app.register(websocket)
      app.get('/chat', { websocket: true }, (socket, request: FastifyRequest) => {
        socket.on('message', (message: Buffer) => {
          request.log.info(`heard ${String(message)}`)
          if (String(message) === 'fail') request.log.error(new Error('in the session'), 'no answer')
          if (String(message) === 'leave') socket.close(1000)
          else socket.send('ok')
        })
        socket.on('close', () => { request.log.info('session over'); finish() })
      })
      app.get('/breaks', { websocket: true }, async () => { throw new Error('the handler broke') })
      app.get('/private', { websocket: true, preValidation: async (_request, reply) => { await reply.code(401).send() } }, () => {})
    }
    const { app, emulator, port } = await start(t, {
      before: async app => { if (order === 'after') await app.register(websocket) },
      routes
    })
    const url = `ws://127.0.0.1:${port}`
    const began = performance.now()
    t.equal(await session(`${url}/chat`, socket => { socket.send('fail'); socket.once('message', () => setTimeout(() => socket.send('leave'), 150)) }), 1000)
    const total = performance.now() - began
    await ended
    t.equal(await session(`${url}/chat`, socket => socket.close(1000)), 1000)
    t.equal(await session(`${url}/chat`, socket => socket.terminate()), 1006)
    t.type(await session(`${url}/breaks`, () => {}), 'number')
    t.match(await session(`${url}/private`, () => {}), /401/)
    t.match(await session(`${url}/nowhere`, () => {}), /404/)
    const refused = connect(port, '127.0.0.1')
    refused.on('error', () => {}).resume()
    refused.write('GET /chat HTTP/1.1\r\nhost: shop.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    await once(refused, 'close')
    await rowsOf(app)

    t.same(emulator.items({ type: 'request' }).map(row => [row.name, row.resultCode, row.success]), [
      ['GET /chat', '101', true], ['GET /chat', '101', true], ['GET /chat', '101', true], ['GET /breaks', '101', true],
      ['GET /private', '401', false], ['GET (unmatched)', '404', false], ['GET /chat', '400', false]
    ])
    const [first] = emulator.items({ type: 'request' })
    t.ok(first!.duration <= total - 140, 'timed to the end of the handshake')
    for (const message of ['heard fail', 'heard leave', 'no answer', 'session over']) {
      const [row] = emulator.items(row => row.message === message || row.customDimensions.logMessage === message)
      t.match(row, { operation_Id: first!.operation_Id, operation_ParentId: first!.id, operation_Name: 'GET /chat' }, message)
    }
    t.match(emulator.items({ type: 'exception' }).map(row => [row.outerMessage, row.operation_Name]), [['in the session', 'GET /chat'], ['the handler broke', 'GET /breaks']])
  })
}

t.test("a session that is sampled out counts once, with its handshake's duration", async t => {
  const { app, emulator, port } = await start(t, {
    options: { samplingRatio: 0 },
    routes: async app => {
      await app.register(websocket)
      app.get('/chat', { websocket: true }, () => {})
    }
  })
  await session(`ws://127.0.0.1:${port}/chat`, socket => { setTimeout(() => socket.close(), 200) })
  await app.close()
  t.same(emulator.items({ type: 'request' }), [])
  const [metric] = emulator.items({ type: 'metric', name: 'http.server.request.duration' })
  t.match(metric, { customDimensions: { 'http.response.status_code': '101', 'http.route': '/chat' } })
})

t.test('a @fastify/sse event stream closed by its reader is a success', async t => {
  const { app, emulator, url } = await start(t, {
    routes: async app => {
      await app.register(sse)
      app.get('/events', { sse: true }, async (_request, reply) => {
        reply.sse.keepAlive()
        for (let n = 0; reply.sse.isConnected; n++) {
          await reply.sse.send({ data: { n } })
          await pause(10)
        }
      })
    }
  })
  const client = get(`${url}/events`, { headers: { accept: 'text/event-stream' } })
  const [response] = await once(client, 'response')
  await once(response, 'data')
  client.destroy()
  await rowsOf(app)
  t.match(emulator.items({ type: 'request' }), [{ name: 'GET /events', resultCode: '200', success: true }])
  t.same(emulator.items({ type: 'exception' }), [])
})

t.test('Socket.IO, which Fastify never sees: polling has its real duration, and an upgrade has no row', async t => {
  const { app, emulator, url } = await start(t, { routes: async app => { app.get('/', async () => 'ok') } })
  const server = new Server(app.server, { pingInterval: 200, cookie: false })
  server.on('connection', socket => { socket.on('ask', answer => answer('told')) })
  const polling = io(url, { transports: ['polling'], reconnection: false })
  await new Promise<void>(resolve => { polling.on('connect', resolve) })
  t.equal(await polling.emitWithAck('ask'), 'told')
  // A poll waits until there is something to send.
  await pause(250)
  polling.disconnect()
  const before = (await settled()).length
  const direct = io(url, { transports: ['websocket'], reconnection: false })
  await new Promise<void>(resolve => { direct.on('connect', resolve) })
  t.equal(await direct.emitWithAck('ask'), 'told')
  direct.disconnect()
  t.equal((await settled()).length, before, 'no row for a WebSocket of another package')
  await new Promise<void>(resolve => { void server.close(() => resolve()) })

  async function settled (): Promise<Array<{ name: string, duration: number, resultCode: string }>> {
    // A poll that the server is still closing has its row later.
    for (let before = -1; ;) {
      await pause(100)
      await app.appInsights.flush()
      const rows = emulator.items({ type: 'request' })
      if (rows.length === before) return rows
      before = rows.length
    }
  }
  const rows = emulator.items({ type: 'request' })
  t.ok(rows.length > 2 && rows.every(row => row.name.endsWith(' (unmatched)') && row.resultCode === '200'), 'polls')
  t.ok(rows.some(row => row.duration > 100), 'the one that waited')
})
