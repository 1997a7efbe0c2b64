/** The app as an ES module, set up before Fastify is loaded and without a flag for Node.js. */
import { createRequire } from 'node:module'

const { peers, createTarget } = createRequire(import.meta.url)('./peers.cjs')
const telemetry = peers[process.argv[2]].start(createTarget(process.env.BENCH_INGESTION))
const { default: fastify } = await import('fastify')

const app = fastify({ logger: { level: 'info', stream: { write () {} } } })
await telemetry.register?.(app)
app.get('/items/:id', async request => {
  request.log.info({ item: request.params.id }, 'item read')
  return { id: request.params.id }
})
await app.listen({ port: 0, host: '127.0.0.1' })

process.on('message', async () => {
  await app.close()
  await telemetry.shutdown?.()
  process.disconnect()
})
process.send({ ready: app.server.address().port })
