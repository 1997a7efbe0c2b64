/** One process per core: each sends its own rows; all of them share one folder for rows that wait out an outage. */
import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

const workers = Number(process.env.WORKERS ?? availableParallelism())

if (cluster.isPrimary) startWorkers()
else await serve()

function startWorkers () {
  for (let i = 0; i < workers; i++) cluster.fork()
  let stopping = false
  cluster.on('exit', () => { if (!stopping) cluster.fork() })
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      stopping = true
      for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM')
    })
  }
}

async function serve () {
  const app = createFastify({ logger: true })
  // stats() counts this process's rows only, so tell the processes apart.
  await app.register(appInsights, { properties: { worker: String(cluster.worker.id) } })

  app.get('/users/:id', async request => {
    request.log.info({ userId: request.params.id }, 'user read')
    return { id: request.params.id }
  })

  // Ctrl-C reaches every process of the terminal: the primary decides when to stop.
  process.on('SIGINT', () => {})
  process.once('SIGTERM', async () => {
    await app.close()
    process.exit()
  })
  await app.listen({ port: Number(process.env.PORT ?? 3000) })
}
