/** Every Fastify instance of the process → the plugin, registered first, or one that does nothing but take part. */
'use strict'

const { subscribe } = require('node:diagnostics_channel')
const fp = require('fastify-plugin')
const appInsightsPlugin = require('../..')

// What Fastify does differently for any plugin with such hooks.
const bystander = fp(async fastify => {
  const pass = (...args) => args.at(-1)()
  for (const hook of ['onRequest', 'preValidation', 'onSend', 'onResponse', 'onError', 'onRequestAbort']) fastify.addHook(hook, (request, ...rest) => pass(...rest))
  fastify.addHook('onReady', async () => {})
}, { name: 'bystander' })

subscribe('fastify.initialization', ({ fastify }) => {
  if (process.env.FASTIFY_TESTS_WITH === 'bystander') fastify.register(bystander)
  else {
    fastify.register(appInsightsPlugin, {
      connectionString: process.env.FASTIFY_TESTS_SINK,
      storageDirectory: false,
      // Without a logger the plugin warns, unless the app says that it knows.
      logs: typeof fastify.log.bindings === 'function'
    })
  }
})
