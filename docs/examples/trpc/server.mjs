import { initTRPC, TRPCError } from '@trpc/server'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import Fastify from 'fastify'
import appInsightsPlugin from 'fastify-app-insights'

const t = initTRPC.context().create()

// Names the request by its procedure. Only procedures that exist get here.
const procedure = t.procedure.use(({ ctx, path, type, next }) => {
  ctx.request.appInsights.span.updateName(`${type} ${path}`)
  return next()
})

const router = t.router({
  book: procedure
    .input(id => String(id))
    .query(({ input: id }) => {
      if (id === '0') throw new TRPCError({ code: 'NOT_FOUND', message: 'no such book' })
      if (id === '13') throw new TypeError('this book is broken')
      return { id }
    })
})

const app = Fastify({ logger: true, routerOptions: { maxParamLength: 5_000 } })
await app.register(appInsightsPlugin)
await app.register(fastifyTRPCPlugin, {
  prefix: '/trpc',
  trpcOptions: {
    router,
    createContext: ({ req }) => ({ request: req }),
    onError ({ error, path, req }) {
      // tRPC wraps what a procedure throws. Every other code is an answer to the client.
      if (error.code === 'INTERNAL_SERVER_ERROR') req.appInsights.trackException(error.cause ?? error, { procedure: path ?? '' })
    }
  }
})

await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
process.once('SIGTERM', () => { void app.close() })
