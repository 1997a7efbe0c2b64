/**
 * `node --import fastify-app-insights/register server.js`: every Fastify instance of the process → the plugin on it, with
 * options from the environment. If the app registers the plugin itself, that registration wins.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Automatic } from './automatic'
import { hasFacade, markAutomatic, messageOf, startFromEnvironment } from './plugin'

// Fastify 5 announces each instance here, before the app gets it.
const CHANNEL = 'fastify.initialization'

function registerOn (message: unknown): void {
  const { fastify } = message as { fastify: FastifyInstance }
  const automatic = markAutomatic(fastify)
  fastify.register(fp(async instance => start(instance, automatic), { fastify: '5.x', name: 'fastify-app-insights-register' }))
}

/** The app didn't ask for the plugin, so a mistake only causes a warning, and the app still starts. */
function start (fastify: FastifyInstance, automatic: Automatic): void {
  try {
    startFromEnvironment(automatic.first(fastify))
  } catch (error) {
    fastify.addHook('onReady', async () => {
      if (!hasFacade(fastify)) process.emitWarning(`fastify-app-insights was not registered. ${messageOf(error)}`, { type: 'FastifyAppInsightsWarning', code: 'FAI_WARN_NOT_REGISTERED' })
    })
  }
}

subscribe(CHANNEL, registerOn)
