/** Several servers in one process: one Fastify app per worker thread, which the main thread starts and stops. */
import { once } from 'node:events'
import { Worker, isMainThread, parentPort, threadId } from 'node:worker_threads'
import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

const threads = Number(process.env.THREADS ?? 2)

if (isMainThread) startThreads()
else await serve()

function startThreads () {
  const workers = Array.from({ length: threads }, () => new Worker(new URL(import.meta.url)))
  // Signals reach the main thread only. terminate() would end a thread with its last rows unsent: let it close its app.
  const stop = async () => {
    const ended = workers.map(worker => once(worker, 'exit'))
    for (const worker of workers) worker.postMessage('stop')
    await Promise.all(ended)
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop)
}

async function serve () {
  const app = createFastify({ logger: true })
  await app.register(appInsights, { properties: { thread: String(threadId) } })

  app.get('/users/:id', async request => {
    request.log.info({ userId: request.params.id }, 'user read')
    return { id: request.params.id }
  })

  parentPort.once('message', () => app.close())
  // Each thread has a port of its own: threads can't share one as processes of node:cluster do.
  await app.listen({ port: process.env.PORT === '0' ? 0 : Number(process.env.PORT ?? 3000) + threadId - 1 })
}
