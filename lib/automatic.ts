/** A plugin that was registered from outside → one that stands back where the app registers it itself. */
import type { FastifyInstance } from 'fastify'

const kAutomatic = Symbol.for('fastify-app-insights.automatic')

type Hook = (this: unknown, ...args: unknown[]) => unknown

/** Of one Fastify instance. */
export class Automatic {
  #facade: unknown
  #isOff = false
  readonly #closers: Hook[] = []

  /** The instance for the plugin that comes from outside: its hooks can be switched off. */
  first (fastify: FastifyInstance): FastifyInstance {
    return overridden(fastify, {
      addHook: (name: string, hook: Hook) => {
        if (name === 'onClose') this.#closers.push(hook)
        fastify.addHook(name as 'onRequest', this.#switchable(hook) as () => void)
      },
      decorate: (name: string, facade: unknown) => {
        if (name === 'appInsights') this.#facade = facade
        fastify.decorate(name, name === 'appInsights' ? { getter: () => this.#facade } : facade as never)
      }
    })
  }

  /** The app registers the plugin itself. */
  async standBack (fastify: FastifyInstance): Promise<void> {
    this.#isOff = true
    for (const close of this.#closers) await close.call(fastify, fastify)
  }

  /** The instance for the app's own registration: what the first has decorated is there. Not by a promise: an instance is a thenable. */
  next (fastify: FastifyInstance): FastifyInstance {
    return overridden(fastify, {
      decorate: (name: string, value: unknown) => {
        if (name === 'appInsights') this.#facade = value
        // What the plugin keeps on the instance for itself.
        else Object.assign(fastify, { [name]: value })
      },
      decorateRequest: () => {}
    })
  }

  /** Whether the app has registered the plugin itself, a second time that is. */
  get isOver (): boolean {
    return this.#isOff
  }

  #switchable (hook: Hook): Hook {
    const automatic = this
    return function (this: unknown, ...args: unknown[]) {
      if (!automatic.#isOff) return hook.apply(this, args)
      // The last one is the callback, where there is one.
      const done = args.at(-1)
      if (args.length > 1 && typeof done === 'function') done()
    }
  }
}

function overridden (fastify: FastifyInstance, methods: Record<string, (...args: never[]) => void>): FastifyInstance {
  return new Proxy(fastify, {
    get (target, name) {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name]
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) as unknown : value
    }
  })
}

export function markAutomatic (fastify: FastifyInstance): Automatic {
  const automatic = new Automatic()
  Object.defineProperty(fastify, kAutomatic, { value: automatic })
  return automatic
}

/** Children inherit it. */
export function automaticOf (fastify: FastifyInstance): Automatic | undefined {
  return (fastify as { [kAutomatic]?: Automatic })[kAutomatic]
}
