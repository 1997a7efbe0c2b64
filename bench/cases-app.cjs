/** Routes of the correctness table. Every path, message and error holds the case's name, so that its rows can be found. */
'use strict'
const { EventEmitter } = require('node:events')
const http = require('node:http')
const { setTimeout: sleep } = require('node:timers/promises')

module.exports = async function cases (app) {
  // Made before any request, like the sockets of a database's pool: what it calls back has no request's context.
  const pool = new EventEmitter()
  const queries = []
  setInterval(() => { for (const done of queries.splice(0)) pool.emit(done) }, 20).unref()

  const port = () => app.server.address().port

  app.get('/case-log/:id', async request => {
    request.log.info({ orderId: 42 }, 'case-log')
    return { ok: true }
  })
  app.get('/case-throw/:id', async () => { throw new TypeError('case-throw') })
  app.get('/case-logged-throw/:id', async request => {
    const error = new Error('case-logged-throw')
    request.log.error(error, 'case-logged-throw')
    throw error
  })
  app.get('/case-not-found/:id', async () => { throw Object.assign(new Error('case-not-found'), { statusCode: 404 }) })
  app.post('/case-validation', { schema: { body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } } }, async () => ({ ok: true }))
  app.get('/case-abort/:id', async () => {
    await sleep(400)
    return { ok: true }
  })
  app.get('/case-stream/:id', (request, reply) => {
    reply.raw.writeHead(200, { 'content-type': 'text/plain' })
    reply.hijack()
    reply.raw.write('first')
    setTimeout(() => reply.raw.end('last'), 300)
  })
  app.get('/case-redacted/:id', async request => {
    request.log.info({ password: 'hunter2-in-a-log' }, 'case-redacted')
    return { ok: true }
  })
  app.get('/case-query/:id', async () => ({ ok: true }))
  app.get('/case-child/:id', async request => {
    request.log.child({ part: 'billing' }).info('case-child')
    return { ok: true }
  })
  app.get('/case-pool/:id', async request => {
    const name = Symbol('query')
    await new Promise(resolve => {
      pool.once(name, () => {
        request.log.info('case-pool')
        resolve()
      })
      queries.push(name)
    })
    return { ok: true }
  })
  app.get('/upstream/:name', async () => ({ ok: true }))
  app.get('/case-fetch/:id', async () => {
    await (await fetch(`http://127.0.0.1:${port()}/upstream/case-fetch?sig=hunter2-in-a-dependency`)).text()
    return { ok: true }
  })
  app.get('/case-http/:id', async () => {
    await new Promise((resolve, reject) => {
      http.get(`http://127.0.0.1:${port()}/upstream/case-http`, response => response.resume().on('end', resolve)).on('error', reject)
    })
    return { ok: true }
  })
}
