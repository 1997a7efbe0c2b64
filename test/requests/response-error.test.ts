/** A response that fails before it is sent: Fastify logs its error as it would without the plugin. */
import { setImmediate as turn } from 'node:timers/promises'
import fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import { sink, start } from '../fixtures/start'

/** Large enough that the late part comes before the first one is sent. */
const BODY = Buffer.alloc(20_000_000)

function lateWriter (app: FastifyInstance): void {
  app.get('/', (_request, reply) => {
    reply.hijack()
    reply.raw.end(BODY)
    reply.raw.write('late')
  })
}

const cases: Array<{ name: string, routes: (app: FastifyInstance, seen: string[]) => void, ignore?: string[], exceptions: number }> = [
  { name: 'with no other onResponse hook', routes: lateWriter, exceptions: 1 },
  { name: 'on a route that is ignored', routes: lateWriter, ignore: ['/'], exceptions: 0 },
  { name: 'with one, which Fastify still calls', routes: (app, seen) => { app.addHook('onResponse', async () => { seen.push('called') }); lateWriter(app) }, exceptions: 0 }
]

for (const { name, routes, ignore = [], exceptions } of cases) {
  t.test(name, async t => {
    const without = await linesWithout(routes)
    const stream = sink()
    const seen: string[] = []
    const { app, emulator, send } = await start(t, { options: { ignore }, server: { logger: { stream } }, routes: app => { routes(app, seen) } })
    await send('/')
    await turn()
    await app.close()
    t.same(outcomes(stream.lines), without.lines)
    t.same(seen, without.seen)
    t.match(emulator.items({ type: 'exception' }), Array.from({ length: exceptions }, () => ({ outerMessage: 'write after end', operation_Name: 'GET /' })))
  })
}

async function linesWithout (routes: (app: FastifyInstance, seen: string[]) => void): Promise<{ lines: unknown[], seen: string[] }> {
  const stream = sink()
  const seen: string[] = []
  const app = fastify({ logger: { stream } })
  routes(app, seen)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  await (await fetch(url)).arrayBuffer()
  await turn()
  await app.close()
  return { lines: outcomes(stream.lines), seen }
}

function outcomes (lines: string[]): unknown[] {
  return lines.map(line => JSON.parse(line) as { level: number, msg: string, err?: { message: string } })
    .filter(({ msg }) => msg.startsWith('request '))
    .map(({ level, msg, err }) => [level, msg, err?.message])
}
