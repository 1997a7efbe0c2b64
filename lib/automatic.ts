/** An automatically registered plugin → one that switches itself off if the app registers the plugin too. */
import type { FastifyInstance } from 'fastify'

const kAutomatic = Symbol.for('fastify-app-insights.automatic')

type Hook = (this: unknown, ...args: unknown[]) => unknown

/** The state of one Fastify instance. */
export class Automatic {
  #facade: unknown
  #isOff = false
  readonly #closers: Hook[] = []

  /** The instance that the automatic registration gets: its hooks can be switched off. */
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

  /** Switches the automatic registration off, because the app registers the plugin itself. */
  async standBack (fastify: FastifyInstance): Promise<void> {
    this.#isOff = true
    for (const close of this.#closers) await close.call(fastify, fastify)
  }

  /** The instance that the app's registration gets, which replaces the first one's decorators. Not async: an instance is a thenable. */
  next (fastify: FastifyInstance): FastifyInstance {
    return overridden(fastify, {
      decorate: (name: string, value: unknown) => {
        if (name === 'appInsights') this.#facade = value
        // The plugin's internal state.
        else Object.assign(fastify, { [name]: value })
      },
      decorateRequest: () => {}
    })
  }

  /** Whether the app has already registered the plugin itself. */
  get isOver (): boolean {
    return this.#isOff
  }

  #switchable (hook: Hook): Hook {
    const automatic = this
    return function (this: unknown, ...args: unknown[]) {
      if (!automatic.#isOff) return hook.apply(this, args)
      // The last argument is the callback, if the hook has one.
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

/** Child instances inherit it. */
export function automaticOf (fastify: FastifyInstance): Automatic | undefined {
  return (fastify as { [kAutomatic]?: Automatic })[kAutomatic]
}
