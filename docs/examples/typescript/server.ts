import createFastify from 'fastify'
import appInsights, { type AppInsightsOptions } from 'fastify-app-insights'

const app = createFastify({ logger: true })

const options: AppInsightsOptions = {
  properties: { deploymentName: 'blue' },
  requests: {
    success: statusCode => statusCode < 400 || statusCode === 404,
    enrich: request => ({ tenant: String(request.headers['x-tenant'] ?? 'none') })
  }
}
app.register(appInsights, options)

app.get<{ Params: { id: string } }>('/users/:id', async request => {
  request.appInsights.set('userId', request.params.id)
  request.log.info({ userId: request.params.id }, 'user read')
  return { id: request.params.id }
})

void app.listen({ port: Number(process.env.PORT ?? 3000) })

// close() sends the last rows.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => { void app.close() })
