/** Packages with their own way of answering: a proxy, compression, files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import compress from '@fastify/compress'
import proxy from '@fastify/http-proxy'
import files from '@fastify/static'
import t, { type Test } from 'tap'
import { start } from '../fixtures/start'

async function upstream (t: Test): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.url === '/hang') return
      if (request.url === '/events') {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: one\n\n')
        return
      }
      response.end('done')
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

for (const trustProxy of [false, true]) {
  t.test(`@fastify/http-proxy: posts keep their url, scheme and client, even though undici takes the socket away (trustProxy: ${trustProxy})`, async t => {
    const target = await upstream(t)
    const { app, emulator, port } = await start(t, {
      server: { trustProxy },
      routes: async app => { await app.register(proxy, { upstream: target, prefix: '/api' }) }
    })
    /** Disconnects once `until` has happened. */
    async function post (path: string, until: 'end' | 'data' | 'sent'): Promise<void> {
      await new Promise<void>(resolve => {
        const call = httpRequest({ host: '127.0.0.1', port, path, method: 'POST', agent: false, headers: { 'content-type': 'application/json', ...(trustProxy ? { 'x-forwarded-for': '203.0.113.7:52344', 'x-forwarded-proto': 'https' } : {}) } }, response => {
          response.on('close', resolve).resume()
          if (until === 'data') response.once('data', () => call.destroy())
        })
        call.on('error', () => resolve()).end('{"a":1}')
        if (until === 'sent') setTimeout(() => { call.destroy() }, 150)
      })
    }
    await post('/api/done', 'end')
    await post('/api/hang', 'sent')
    await post('/api/events', 'data')
    while (app.appInsights.stats().openRequests > 0) await new Promise(resolve => setTimeout(resolve, 5))
    await app.appInsights.flush()
    const scheme = trustProxy ? 'https' : 'http'
    const url = `${scheme}://127.0.0.1:${port}/api`
    const client = trustProxy ? '203.0.113.7' : '127.0.0.1'
    t.match(emulator.items({ type: 'request' }).map(row => [row.url, row.resultCode, row.success, row.client_IP]), [
      [`${url}/done`, '200', true, client], [`${url}/hang`, '499', false, client], [`${url}/events`, '200', true, client]
    ])
    const schemes = emulator.items({ type: 'metric', name: 'http.server.request.duration' }).map(row => row.customDimensions['url.scheme'])
    t.ok(schemes.length > 0 && schemes.every(each => each === scheme), schemes.join(' '))
  })
}

t.test('@fastify/compress and @fastify/static: ranges, 304, 416 and compressed responses have the status that was sent', async t => {
  const root = mkdtempSync(join(tmpdir(), 'fai-test-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  writeFileSync(join(root, 'book.txt'), 'a line of a book\n'.repeat(5_000))
  const { app, emulator, url, send } = await start(t, {
    routes: async app => {
      await app.register(compress)
      await app.register(files, { root, prefix: '/files/' })
      app.get('/json', async () => ({ text: 'x'.repeat(50_000) }))
    }
  })
  const whole = await fetch(`${url}/files/book.txt`, { headers: { connection: 'close' } })
  await whole.arrayBuffer()
  const etag = whole.headers.get('etag')!
  t.equal((await send('/files/book.txt', { headers: { range: 'bytes=0-99' } })).status, 206)
  t.equal((await send('/files/book.txt', { headers: { 'if-none-match': etag, 'cache-control': 'max-age=60' } })).status, 304)
  t.equal((await send('/files/book.txt', { headers: { range: 'bytes=999999999-' } })).status, 416)
  t.equal((await send('/files/book.txt', { method: 'HEAD' })).status, 200)
  t.equal((await send('/files/none.txt')).status, 404)
  t.equal((await send('/json', { headers: { 'accept-encoding': 'gzip' } })).headers.get('content-encoding'), 'gzip')
  await app.close()
  t.same(emulator.items({ type: 'request' }).map(row => [row.name, row.resultCode, row.success]), [
    ['GET /files/*', '200', true], ['GET /files/*', '206', true], ['GET /files/*', '304', true], ['GET /files/*', '416', false],
    ['HEAD /files/*', '200', true], ['GET /files/*', '404', false], ['GET /json', '200', true]
  ])
})
