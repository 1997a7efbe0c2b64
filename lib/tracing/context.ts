/** The active context: that of OpenTelemetry's API, or of our own manager where the API works with none. */
import { type Context, type ContextManager, ROOT_CONTEXT, context as api, createContextKey } from '@opentelemetry/api'

// One per process, as the API's is.
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
 * The API accepts registrations of one version only, and reads none of an older minor: a logger that another copy has
 * set is enough for it to refuse everything. Our rows must know their operation all the same.
 */
export function ensureContext (manager: ContextManager): void {
  const where = ROOT_CONTEXT.setValue(kProbe, true)
  const works = api.with(where, () => api.active().getValue(kProbe) === true)
  own = works ? undefined : manager
}

export function releaseContext (): void {
  own = undefined
}
