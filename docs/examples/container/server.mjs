/** A service in a container: not root, a read-only root file system, and a volume for rows that wait out an outage. */
import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

const app = createFastify({ logger: true })

await app.register(appInsights, {
  // A volume, so that rows that could not be sent yet outlive the container.
  storageDirectory: process.env.TELEMETRY_DIRECTORY,
  // Probes come every few seconds. Their failures are kept.
  ignore: { routes: ['/health/*'], keepFailures: true }
})

app.get('/health/live', async () => ({ status: 'ok' }))
app.get('/health/ready', async () => ({ status: 'ok' }))

app.get('/users/:id', async request => {
  request.log.info({ userId: request.params.id }, 'user read')
  return { id: request.params.id }
})

// The app is process 1 of its container, and the kernel doesn't end process 1 on a signal that nobody handles.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())

await app.listen({ port: Number(process.env.PORT ?? 3000), host: process.env.HOST ?? '0.0.0.0' })
