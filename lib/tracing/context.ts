/** The active context → from OpenTelemetry's API, or from our own manager if the API has no working one. */
import { type Context, type ContextManager, ROOT_CONTEXT, context as api, createContextKey } from '@opentelemetry/api'

// One per process, like the API's.
let own: ContextManager | undefined

export const context = Object.freeze({
  active (): Context {
    return own === undefined ? api.active() : own.active()
  },

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>> (where: Context, run: F, thisArg?: ThisParameterType<F>, ...args: A): ReturnType<F> {
    return own === undefined ? api.with(where, run, thisArg, ...args) : own.with(where, run, thisArg, ...args)
  }
})

const kProbe = createContextKey('fastify-app-insights.probe')

/**
 * The API accepts registrations from one version only, and ignores those of an older minor version: a logger set by
 * another copy is enough to make it refuse everything. Our rows must find their operation even then.
 */
export function ensureContext (manager: ContextManager): void {
  const where = ROOT_CONTEXT.setValue(kProbe, true)
  const works = api.with(where, () => api.active().getValue(kProbe) === true)
  own = works ? undefined : manager
}

export function releaseContext (): void {
  own = undefined
}
