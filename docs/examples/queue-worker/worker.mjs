/** Jobs from a queue: each is an operation of its own, with its logs, calls and errors. */
import { setTimeout as pause } from 'node:timers/promises'
import createFastify from 'fastify'
import appInsights from 'fastify-app-insights'

const app = createFastify({ logger: true })
await app.register(appInsights, { serviceName: 'mailer', ignore: ['/health'] })

// Stands for Service Bus, BullMQ, pg-boss and the like.
const queue = []

app.get('/health', async () => ({ waiting: queue.length }))
app.post('/mails', async (request, reply) => {
  queue.push(request.body)
  request.log.info('mail queued')
  return reply.code(202).send()
})

async function sendMail ({ orderId, to }, operation) {
  // Tells the mail without telling whose it is: an address would be personal data in every row.
  operation.set('orderId', String(orderId))
  if (typeof to !== 'string' || !to.includes('@')) throw new Error('no address')
  await operation.startSpan('render', async () => await pause(5))
  app.log.info('mail sent')
}

const stop = new AbortController()
async function work () {
  while (!stop.signal.aborted) {
    const job = queue.shift()
    if (job === undefined) await pause(50)
    // What it throws is reported by then: here only the next job matters.
    else await app.appInsights.operation('JOB send-mail', operation => sendMail(job, operation)).catch(() => {})
  }
}

await app.listen({ port: Number(process.env.PORT ?? 3000) })
const working = work()

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    stop.abort()
    await working
    await app.close()
  })
}
