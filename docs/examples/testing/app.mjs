import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

export function buildApp (telemetry) {
  const app = createFastify({ logger: true })
  app.register(appInsights, telemetry)

  app.post('/orders', async (request, reply) => {
    const { bookId, quantity } = request.body
    if (quantity > 10) throw new Error('not so many left')
    request.log.info({ bookId }, 'order placed')
    request.appInsights.trackEvent('OrderPlaced', { bookId }, { quantity })
    return reply.code(201).send({ bookId })
  })

  return app
}
