/** Errors that NestJS answers itself, without Fastify's onError → marked as thrown in their request's operation. */
import type { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Exceptions } from './index'
import { type Operation, kOperation } from '../tracing/operation'

interface Handler { next: (this: unknown, exception: unknown, host: ArgumentsHost) => unknown }
interface ArgumentsHost { getArgByIndex: (index: number) => unknown }
type Response = ServerResponse & { [kOperation]?: Operation | null }

// Every error of an HTTP request passes through one method, whichever filter answers it. Nest has no event for it,
// and we can't add a filter from Fastify's side.
const HANDLER = /[\\/]@nestjs[\\/]core[\\/]exceptions[\\/]exceptions-handler\.js$/

// One per process, because all apps in a process share Nest.
const wrapped = new WeakSet<object>()
const instances = new Map<object, Exceptions>()
const early = new WeakMap<object, unknown[]>()

/**
 * @param owner owns the operations whose errors are reported
 * @returns a function that stops it
 */
export function followNest (owner: object, exceptions: Exceptions): () => void {
  instances.set(owner, exceptions)
  for (const prototype of loadedHandlers()) wrap(prototype)
  return () => { instances.delete(owner) }
}

/** Errors that a Nest middleware threw before the request had an operation. */
export function takeEarlyErrors (response: ServerResponse): readonly unknown[] {
  const errors = early.get(response) ?? []
  early.delete(response)
  return errors
}

/** Nest is CommonJS even if it is imported, so `require.cache` has it. Several copies may be loaded. */
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
    // In a bundle there may be no module cache.
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

/** Marks the error only. As with other errors, the status that is sent decides whether it gets a row. */
function note (exception: unknown, host: ArgumentsHost): void {
  try {
    const reply = host.getArgByIndex(1) as Response | { raw: Response } | undefined
    const response = reply !== undefined && 'raw' in reply ? reply.raw : reply
    if (response === undefined) return
    const operation = response[kOperation]
    if (operation !== undefined && operation !== null) instances.get(operation.owner)?.markThrown(operation, exception)
    // Nest's middlewares run before our hooks if the plugin was registered after NestFactory.create().
    else if (operation === undefined) early.set(response, [...early.get(response) ?? [], exception])
  } catch {
    // Must not change how Nest handles the exception.
  }
}
