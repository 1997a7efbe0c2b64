import { DefaultAzureCredential } from '@azure/identity'
import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

const app = createFastify({ logger: true })

// The identity needs the role Monitoring Metrics Publisher on the Application Insights resource. The environment decides
// which identity is used: AZURE_CLIENT_ID selects one of several managed identities; on a laptop, it's your `az login`.
await app.register(appInsights, { credential: new DefaultAzureCredential() })

app.get('/users/:id', async request => ({ id: request.params.id }))

await app.listen({ port: Number(process.env.PORT ?? 3000) })

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())
