/** Outgoing HTTP call → CLIENT span, and trace context in its headers, however the client was imported. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Config } from '../options'
import type { Instance } from '../instance'
import { type Warn, messageOf } from '../warnings'
import { instrumentCopies, traceAzureSdk } from './azure'
import { Calls } from './calls'
import { httpHandlers } from './http'
import { announceRequests, stopAnnouncing } from './http-channel'
import { UNDICI_HANDLERS } from './undici'

export interface CallTracing {
  /** Also traces Azure SDK copies that the app has loaded since. */
  ready: () => void
  stop: () => void
}

export function traceCalls (options: Exclude<Config['dependencies'], false>, telemetry: Instance, warn: Warn): CallTracing {
  const calls = new Calls(options, telemetry)
  const handlers = { ...(options.undici ? UNDICI_HANDLERS : {}), ...(options.http ? httpHandlers(announceRequests()) : {}) }
  const subscriptions = Object.entries(handlers).map(([name, handler]) => ({ name, listener: (message: unknown) => guard(handler, message) }))
  for (const { name, listener } of subscriptions) subscribe(name, listener)
  const stopAzureSdk = options.azureSdk ? traceAzureSdk({ telemetry, isIgnored: calls.isIgnored, isPropagated: calls.isPropagated, tracesHttp: options.http }) : undefined

  // Node makes an error in a channel's listener an uncaught exception.
  function guard (handler: (calls: Calls, message: unknown) => void, message: unknown): void {
    try {
      handler(calls, message)
    } catch (error) {
      warn(`An outgoing call could not be traced: ${messageOf(error)}`)
    }
  }

  return {
    ready () {
      if (options.azureSdk) instrumentCopies()
    },
    stop () {
      for (const { name, listener } of subscriptions) unsubscribe(name, listener)
      if (options.http) stopAnnouncing()
      stopAzureSdk?.()
      calls.finishAll()
    }
  }
}
