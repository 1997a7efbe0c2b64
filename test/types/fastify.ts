/** With Fastify's generics: type providers, loggers, servers and routes stay what they were. */
import type { Http2SecureServer, Http2Server } from 'node:http2'
import { createServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import { Type, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, {
  type FastifyBaseLogger, type FastifyInstance, type FastifyPluginAsync, type FastifyPluginCallback, type FastifyReply,
  type FastifyRequest, type FastifyTypeProviderDefault, type RawReplyDefaultExpression, type RawRequestDefaultExpression,
  type RawServerDefault, type RouteGenericInterface
} from 'fastify'
import appInsightsPlugin, { type AppInsights, type AppInsightsOptions, type RequestAppInsights } from 'fastify-app-insights'
import pino, { type Logger } from 'pino'

const CONNECTION_STRING = 'InstrumentationKey=00000000-0000-0000-0000-000000000000'

// Type providers.
const typebox = fastify().withTypeProvider<TypeBoxTypeProvider>()
typebox.register(appInsightsPlugin, CONNECTION_STRING)
typebox.post('/orders/:id', {
  config: { appInsights: false },
  schema: { params: Type.Object({ id: Type.Integer() }), body: Type.Object({ total: Type.Number() }), response: { 200: Type.Object({ ok: Type.Boolean() }) } }
}, async (request, reply) => {
  request.appInsights.set('order', request.params.id)
  request.appInsights.trackEvent('OrderPlaced', { id: request.params.id }, { total: request.body.total })
  // @ts-expect-error the provider still knows the body
  request.appInsights.set('nothing', request.body.nothing)
  // @ts-expect-error and the response
  await reply.send({ ok: 'yes' })
  return { ok: true }
})

const jsonSchema = fastify().withTypeProvider<JsonSchemaToTsProvider>()
jsonSchema.register(appInsightsPlugin, { enabled: false })
jsonSchema.get('/users', {
  schema: { querystring: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'], additionalProperties: false } } as const
}, async request => {
  request.appInsights.setUser(request.query.name)
  // @ts-expect-error the provider still knows the query
  return request.query.nothing
})

// Plugins of the app's, with providers and options of their own.
export const orders: FastifyPluginAsync<{ table: string }, RawServerDefault, TypeBoxTypeProvider> = async (instance, { table }) => {
  instance.appInsights.trackEvent('Started', { table })
  instance.addHook('onRequest', async request => { request.appInsights.setSession(request.id) })
}
export const users: FastifyPluginCallback = (instance, _options, done) => {
  instance.register(appInsightsPlugin, { serviceName: 'users' })
  done()
}

// Loggers.
const withPino = fastify({ loggerInstance: pino({ level: 'warn' }) })
withPino.register(appInsightsPlugin, CONNECTION_STRING)
withPino.log.flush()
const withLevels = fastify({ loggerInstance: pino({ customLevels: { audit: 35 } }) })
withLevels.register(appInsightsPlugin, CONNECTION_STRING)
withLevels.log.audit('still known')
withLevels.get('/', async request => {
  request.appInsights.set('a', 1)
  request.log.audit('and in a request')
})
declare const baseLogger: FastifyBaseLogger
fastify({ loggerInstance: baseLogger }).register(appInsightsPlugin, CONNECTION_STRING)
interface AppLogger extends FastifyBaseLogger { audit: (message: string) => void }
declare const appLogger: AppLogger
const withAppLogger = fastify<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, AppLogger>({ loggerInstance: appLogger })
withAppLogger.register(appInsightsPlugin, { logs: false })
withAppLogger.log.audit('still known')
fastify({ logger: { level: 'info', redact: ['req.headers.authorization'] }, disableRequestLogging: true }).register(appInsightsPlugin)
fastify({ logger: false }).register(appInsightsPlugin, { logs: false })

// Servers.
const https: FastifyInstance<HttpsServer> = fastify({ https: { key: '', cert: '' } })
https.register(appInsightsPlugin, CONNECTION_STRING)
https.get('/', async request => request.appInsights.span.spanContext().traceId)
const http2: FastifyInstance<Http2Server> = fastify({ http2: true })
http2.register(appInsightsPlugin, CONNECTION_STRING)
const secure: FastifyInstance<Http2SecureServer> = fastify({ http2: true, https: { allowHTTP1: true, key: '', cert: '' } })
secure.register(appInsightsPlugin, { connectionString: CONNECTION_STRING })
secure.get('/', async request => { request.appInsights.setUser('u') })
fastify({ serverFactory: handler => createServer(handler) }).register(appInsightsPlugin)

// A whole instance's generics, as apps write them in a function's signature.
type App = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, Logger, FastifyTypeProviderDefault>
export function build (app: App, options: AppInsightsOptions): AppInsights {
  app.register(appInsightsPlugin, options).after(error => { app.log.error(error) })
  return app.appInsights
}
interface UserRoute extends RouteGenericInterface { Params: { id: string } }
export async function handler (request: FastifyRequest<UserRoute>, reply: FastifyReply<UserRoute>): Promise<void> {
  const telemetry: RequestAppInsights = request.appInsights
  telemetry.set('user', request.params.id)
  await reply.send('ok')
}

// Registered as Fastify allows: awaited, with options from a function, from a dynamic import.
export async function registerings (app: FastifyInstance): Promise<void> {
  await app.register(appInsightsPlugin, CONNECTION_STRING)
  app.register(appInsightsPlugin, () => ({ connectionString: CONNECTION_STRING }))
  app.register(import('fastify-app-insights'), { serviceName: 'shop' })
  // @ts-expect-error a wrong type from a function
  app.register(appInsightsPlugin, () => ({ samplingRatio: 'all' }))
  // @ts-expect-error an unknown key in a dynamic import
  app.register(import('fastify-app-insights'), { servicename: 'shop' })
}

// What is ours to write is not the app's.
export function mistakes (app: FastifyInstance, request: FastifyRequest): void {
  // @ts-expect-error read-only
  app.appInsights.flush = async () => ({})
  // @ts-expect-error read-only
  request.appInsights.span = undefined
  // @ts-expect-error no such method
  request.appInsights.setUserId('u')
  // @ts-expect-error measurements are numbers
  request.appInsights.trackEvent('e', {}, { total: '1' })
  // @ts-expect-error an event needs a name
  app.appInsights.trackEvent()
  // @ts-expect-error true or false
  app.get('/', { config: { appInsights: 'no' } }, async () => 'ok')
}
