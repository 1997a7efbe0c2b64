'use strict'

const createFastify = require('fastify')
const appInsights = require('fastify-app-insights')

const app = createFastify({ logger: true })

// The connection string comes from APPLICATIONINSIGHTS_CONNECTION_STRING.
app.register(appInsights)

app.get('/users/:id', async request => {
  request.log.info({ userId: request.params.id }, 'user read')
  return { id: request.params.id }
})

app.listen({ port: Number(process.env.PORT ?? 3000) })

// close() sends the last rows.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
