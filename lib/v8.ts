/**
 * What V8 forgets or never learns unless it gets a hint. None of it changes what code does, only how fast.
 * `node bench/upstream.mjs` measures each of them.
 */
import { executionAsyncResource } from 'node:async_hooks'
import { type Counter, type Meter, type MeterProvider, createNoopMeter } from '@opentelemetry/api'
import { attempt } from './rows/hostile'

const { nextTick } = process
let tick: TickObject | undefined

interface TickObject { callback?: unknown, [key: symbol]: unknown }

/**
 * An object literal with computed keys (`{ [key]: value }`) becomes several times slower for the rest of the process once
 * a full collection finds no such object alive: with the objects go their hidden classes, and V8 then calls its runtime
 * for each key. `process.nextTick` has such a literal (Node.js 20 to 26), and Fastify calls it several times for each
 * request. One of its objects that stays alive prevents it.
 */
export function keepNextTickFast (): void {
  if (tick === undefined) nextTick(keepTick)
}

function keepTick (): void {
  const current = executionAsyncResource() as TickObject
  // Something else may run the callback: a test may have replaced nextTick before this file was loaded.
  if (tick !== undefined || current.callback !== keepTick) return
  tick = current
  // The stores of the AsyncLocalStorages that are active now must not live as long.
  for (const key of Object.getOwnPropertySymbols(tick)) if (typeof tick[key] === 'object') tick[key] = undefined
}

/**
 * For the SDK's metrics of itself, which nobody reads: the same as none, but it keeps the first attributes of each
 * counter. The SDK makes them with computed keys, for every span: see `keepNextTickFast`.
 */
export function attributeKeeper (): MeterProvider {
  const keeper = (): Counter => {
    let kept: unknown
    return { add (_value, attributes) { kept ??= attributes } }
  }
  const meter: Meter = Object.assign(Object.create(createNoopMeter()) as Meter, { createCounter: keeper, createUpDownCounter: keeper })
  return { getMeter: () => meter }
}

const GETTERS = /[\\/]node_modules[\\/]@(?:azure|opentelemetry|typespec)[\\/]/

/**
 * The index files of these packages re-export by getters, which V8 keeps in a dictionary: 20 ns for each use, and their
 * code has a use per call. An object that serves as a prototype gets ordinary properties when it is enumerated.
 * Runs no getter. Has no effect in a bundle, where there are no such objects.
 */
export function quickenExports (): void {
  for (const path of Object.keys(require.cache ?? {})) if (GETTERS.test(path)) attempt(() => quicken(require.cache[path]?.exports))
}

function quicken (exports: unknown): void {
  if (typeof exports !== 'object' || exports === null) return
  // eslint-disable-next-line no-unreachable-loop, @typescript-eslint/no-unused-vars -- the first step is enough
  for (const _ in Object.create(exports)) break
}

/**
 * The exporter's files get constants from each other by getters that share their code (`() => from[key]`), so V8 can't tell
 * what one of them returns: 7 to 9 µs for a request and its line on Node.js 20 and 22. From here on, whoever requires the
 * file gets a plain object. Runs the getters, so it is only for what never changes.
 * @param path of a file that the files which use it haven't required yet
 */
export function makePlain (path: string): void {
  require(path)
  const loaded = require.cache[path]
  if (loaded !== undefined) loaded.exports = Object.assign(Object.defineProperty({}, '__esModule', { value: true }), loaded.exports)
}
