/** NestJS answers what its controllers, guards and pipes throw on its own, and Fastify's onError never runs → the error is known all the same. */
import type { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Exceptions } from './index'
import { type Operation, kOperation } from '../tracing/operation'

interface Handler { next: (this: unknown, exception: unknown, host: ArgumentsHost) => unknown }
interface ArgumentsHost { getArgByIndex: (index: number) => unknown }
type Response = ServerResponse & { [kOperation]?: Operation | null }

// One method, through which every error of an HTTP request comes, whichever filter answers it. Nest has no event for it,
// and a filter of ours could not be added from Fastify's side.
const HANDLER = /[\\/]@nestjs[\\/]core[\\/]exceptions[\\/]exceptions-handler\.js$/

// Nest is loaded once for all apps in a process, and so is this.
const wrapped = new WeakSet<object>()
const instances = new Map<object, Exceptions>()
const early = new WeakMap<object, unknown[]>()

/**
 * @param owner of the operations whose errors are reported
 * @returns the call that stops it
 */
export function followNest (owner: object, exceptions: Exceptions): () => void {
  instances.set(owner, exceptions)
  for (const prototype of loadedHandlers()) wrap(prototype)
  return () => { instances.delete(owner) }
}

/** What a middleware of Nest's threw before the request had its operation. */
export function takeEarlyErrors (response: ServerResponse): readonly unknown[] {
  const errors = early.get(response) ?? []
  early.delete(response)
  return errors
}

/** Nest is CommonJS, also where it is imported. Several copies may be loaded. */
function loadedHandlers (): Handler[] {
  const handlers: Handler[] = []
  try {
    const { cache } = createRequire(__filename)
    for (const file of Object.keys(cache)) {
      if (!HANDLER.test(file)) continue
      const loaded = cache[file]?.exports as { ExceptionsHandler?: { prototype?: Partial<Handler> } } | undefined
      const prototype = loaded?.ExceptionsHandler?.prototype
      if (typeof prototype?.next === 'function') handlers.push(prototype as Handler)
    }
  } catch {
    // In a bundle there may be nothing to look through.
  }
  return handlers
}

function wrap (prototype: Handler): void {
  if (wrapped.has(prototype)) return
  wrapped.add(prototype)
  const { next } = prototype
  prototype.next = function (exception, host) {
    note(exception, host)
    return next.call(this, exception, host)
  }
}

/** Whether it is an exception is decided by the status that is sent, as with every other error. */
function note (exception: unknown, host: ArgumentsHost): void {
  try {
    const reply = host.getArgByIndex(1) as Response | { raw: Response } | undefined
    const response = reply !== undefined && 'raw' in reply ? reply.raw : reply
    if (response === undefined) return
    const operation = response[kOperation]
    if (operation !== undefined && operation !== null) instances.get(operation.owner)?.markThrown(operation, exception)
    // A middleware of Nest's runs before our hooks where the plugin was registered after NestFactory.create().
    else if (operation === undefined) early.set(response, [...early.get(response) ?? [], exception])
  } catch {
    // Whatever Nest hands over is Nest's to handle.
  }
}
