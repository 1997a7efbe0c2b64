import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Readable } from 'node:stream'
import t from 'tap'
import { start } from '../fixtures/start'

t.test('2,000 mixed requests at once, a third of them aborted by the client: as many rows as requests', async t => {
  const total = 2_000
  let entered = 0
  const { app, emulator, port } = await start(t, {
    options: { maxQueueSize: 50_000 },
    routes: app => {
      app.addHook('onRequest', async () => { entered++ })
      app.get('/quick', async () => 'ok')
      app.get('/slow', async request => { request.log.info('waiting'); await pause(30); return 'ok' })
      app.get('/stream', async () => Readable.from((async function * () { for (let n = 0; n < 5; n++) { await pause(5); yield 'chunk' } })()))
      app.get('/throws', async () => { await pause(5); throw new Error('broken') })
      app.post('/echo', async request => request.body)
    }
  })
  const kinds = [
    'GET /quick HTTP/1.1', 'GET /slow HTTP/1.1', 'GET /stream HTTP/1.1', 'GET /throws HTTP/1.1', 'GET /nowhere HTTP/1.1',
    'POST /echo HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 2'
  ]

  async function one (n: number): Promise<boolean> {
    const kind = kinds[n % kinds.length]!
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    // Not once(): it rejects if the server resets the connection.
    const closed = new Promise<void>(resolve => { socket.once('close', () => resolve()) })
    await Promise.race([closed, new Promise<void>(resolve => { socket.once('connect', resolve) })])
    if (socket.closed) return true
    socket.write(`${kind}\r\nhost: shop.test\r\nconnection: close\r\n\r\n${kind.startsWith('POST') ? '{}' : ''}`)
    const leaves = n % 3 === 0
    if (leaves) {
      await pause(Math.random() * 40)
      if (Math.random() < 0.5) socket.resetAndDestroy()
      else socket.destroy()
    }
    await closed
    return leaves
  }

  const left = await Promise.all(Array.from({ length: total }, async (_, n) => await one(n)))
  while (app.appInsights.stats().openRequests > 0) await pause(10)
  // The server may never see a client that leaves at once.
  t.ok(entered <= total && entered >= total - left.filter(Boolean).length, `${entered} requests came through`)
  await app.close()

  const rows = emulator.items({ type: 'request' })
  t.equal(rows.length, entered, 'rows = requests')
  t.equal(new Set(rows.map(row => row.id)).size, rows.length, 'no duplicates')
  t.equal(app.appInsights.stats().openRequests, 0, 'none unfinished')
  t.ok(rows.some(row => row.resultCode === '499' && row.success === false))
  t.ok(rows.every(row => ['200', '404', '499', '500'].includes(row.resultCode)), 'each with a status that was sent, or 499')
  const failures = rows.filter(row => row.name === 'GET /throws' && row.resultCode === '500')
  const exceptions = emulator.items({ type: 'exception' })
  t.equal(new Set(exceptions.map(row => row.operation_Id)).size, exceptions.length, 'one exception for an error')
  t.ok(exceptions.length >= failures.length)
})

t.test('5,000 unknown paths share one operation name', async t => {
  const { app, emulator } = await start(t)
  for (let sent = 0; sent < 5_000; sent += 100) {
    await Promise.all(Array.from({ length: 100 }, async (_, n) => await app.inject(`/scan/${sent + n}/${Math.random().toString(36)}.php`)))
  }
  await app.close()
  const rows = emulator.items({ type: 'request' })
  // The emulator runs in this process: if it answers too late, a batch is sent again.
  t.equal(new Set(rows.map(row => row.id)).size, 5_000)
  t.same([...new Set(rows.map(row => row.operation_Name))], ['GET (unmatched)'])
})
