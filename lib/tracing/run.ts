/** A function → run in a context, and followed until its result, or the promise that it returns, is there. */
import type { Context } from '@opentelemetry/api'
import { isThenable } from '../rows/hostile'
import { context } from './context'

/** @param ended called once, before the caller gets the result. Errors are rethrown */
export function runIn<A, T> (where: Context, work: (argument: A) => T, argument: A, ended: (outcome: { failed: boolean, error?: unknown }) => void): T {
  function succeed<V> (value: V): V {
    ended({ failed: false })
    return value
  }
  function fail (error: unknown): never {
    ended({ failed: true, error })
    throw error
  }

  let result: T
  try {
    result = context.with(where, work, undefined, argument)
  } catch (error) {
    return fail(error)
  }
  if (!isThenable(result)) return succeed(result)
  const promise = result
  // Queries of knex, Prisma or Mongoose only start when `then` is called, so that belongs to the work.
  return context.with(where, () => promise.then(succeed, fail)) as T
}
