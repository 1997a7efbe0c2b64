/** A small service with the plugin: routes that succeed, log, take a while, refuse and break. */
import { setTimeout as pause } from 'node:timers/promises'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'

const BOOKS = new Map([
  ['1', { id: '1', title: 'The Left Hand of Darkness', price: 12.5 }],
  ['2', { id: '2', title: 'Roadside Picnic', price: 9.9 }],
  ['3', { id: '3', title: 'Solaris', price: 11 }]
])

class OutOfStockError extends Error {
  statusCode = 409
  code = 'OUT_OF_STOCK'
}

/** @param warehouse the address of the service that counts the stock */
export async function buildBookshop (connectionString, warehouse, { log = { level: 'info', stream: { write () {} } } } = {}) {
  const app = fastify({ logger: log })

  await app.register(appInsightsPlugin, {
    connectionString,
    serviceName: 'bookshop',
    properties: { deploymentName: 'local' },
    ignore: ['/health']
  })

  app.get('/health', async () => ({ ok: true }))

  app.get('/books', async request => {
    request.log.info({ count: BOOKS.size }, 'books listed')
    return [...BOOKS.values()]
  })

  app.get('/books/:id', async (request, reply) => {
    const book = BOOKS.get(request.params.id)
    if (book === undefined) return reply.code(404).send({ message: 'no such book' })
    request.appInsights.set('bookTitle', book.title)
    const stock = await fetch(`${warehouse}/stock/${book.id}`)
    const { copies } = await stock.json()
    request.log.info({ bookId: book.id, price: book.price, copies }, 'book read')
    return { ...book, copies }
  })

  app.post('/orders', {
    schema: {
      body: {
        type: 'object',
        required: ['bookId', 'quantity'],
        properties: { bookId: { type: 'string' }, quantity: { type: 'integer', minimum: 1 } }
      }
    }
  }, async (request, reply) => {
    const { bookId, quantity } = request.body
    request.appInsights.set('bookId', bookId)
    if (quantity > 10) throw new OutOfStockError(`only 10 copies of book ${bookId} are left`)
    request.log.info({ bookId, quantity, total: BOOKS.get(bookId).price * quantity }, 'order placed')
    request.appInsights.trackEvent('OrderPlaced', { bookId }, { quantity })
    return reply.code(201).send({ order: 1 })
  })

  app.get('/reports/sales', async request => {
    request.log.debug('report begun')
    await pause(250)
    request.log.warn({ rows: 1204, elapsed: 250 }, 'report was slow')
    return { sold: 1204 }
  })

  app.get('/payments/:id', async request => {
    request.log.info({ paymentId: request.params.id }, 'asking the bank')
    throw new Error('bank did not answer', { cause: new TypeError('socket hang up') })
  })

  return app
}
