import { DefaultAzureCredential } from '@azure/identity'
import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

const app = createFastify({ logger: true })

// The identity needs the role Monitoring Metrics Publisher on the Application Insights resource. Which identity that is,
// the environment says: AZURE_CLIENT_ID for one of several managed ones, your own `az login` on a laptop.
await app.register(appInsights, { credential: new DefaultAzureCredential() })

app.get('/users/:id', async request => ({ id: request.params.id }))

await app.listen({ port: Number(process.env.PORT ?? 3000) })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
