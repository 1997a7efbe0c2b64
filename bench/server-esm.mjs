/** The app as an ES module: imports at the top, set up in the first statements, without a flag for Node.js. */
import { createRequire } from 'node:module'
import fastify from 'fastify'

const { peers } = createRequire(import.meta.url)('./peers.cjs')
const telemetry = peers[process.argv[2]].start(process.env.BENCH_CONNECTION_STRING)

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
