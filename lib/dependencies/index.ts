/** Outgoing HTTP call → CLIENT span, and the trace context in its headers: whoever makes the call, however it was imported. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Config } from '../options'
import type { Telemetry } from '../tracing/telemetry'
import type { Warn } from '../warnings'
import { Calls } from './calls'
import { httpHandlers } from './http'
import { announceRequests, stopAnnouncing } from './http-channel'
import { UNDICI_HANDLERS } from './undici'

/** @returns the call that stops it */
export function traceCalls (options: Exclude<Config['dependencies'], false>, telemetry: Telemetry, warn: Warn): () => void {
  const calls = new Calls(options, telemetry, warn)
  const handlers = { ...(options.undici ? UNDICI_HANDLERS : {}), ...(options.http ? httpHandlers(announceRequests()) : {}) }
  const subscriptions = Object.entries(handlers).map(([name, handler]) => ({ name, listener: (message: unknown) => handler(calls, message) }))
  for (const { name, listener } of subscriptions) subscribe(name, listener)

  return function stop () {
    for (const { name, listener } of subscriptions) unsubscribe(name, listener)
    if (options.http) stopAnnouncing()
    calls.finishAll()
  }
}
