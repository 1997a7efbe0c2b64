/** A second service, which the bookshop asks for stock: its rows join the bookshop's operations. */
import { setTimeout as pause } from 'node:timers/promises'
import fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'

const STOCK = { 1: 3, 2: 12, 3: 0 }

export async function buildWarehouse (connectionString, { log = { level: 'info', stream: { write () {} } } } = {}) {
  const app = fastify({ logger: log })
  await app.register(appInsightsPlugin, { connectionString, serviceName: 'warehouse', properties: { deploymentName: 'local' } })

  app.get('/stock/:id', async (request, reply) => {
    const copies = STOCK[request.params.id]
    if (copies === undefined) return reply.code(404).send({ message: 'never heard of it' })
    await pause(15)
    request.log[copies === 0 ? 'warn' : 'info']({ bookId: request.params.id, copies }, copies === 0 ? 'out of stock' : 'stock counted')
    return { copies }
  })

  return app
}
