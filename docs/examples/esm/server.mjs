import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

const app = createFastify({ logger: true })

// No loader and no --import: the plugin does not patch Fastify.
await app.register(appInsights, { properties: { deploymentName: 'blue' } })

app.get('/users/:id', async request => {
  request.log.info({ userId: request.params.id }, 'user read')
  return { id: request.params.id }
})

await app.listen({ port: Number(process.env.PORT ?? 3000) })

// close() sends the last rows.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
