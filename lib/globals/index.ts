/** The process-wide OpenTelemetry API → our instances: each span and record goes to the instance that owns its operation. */
import * as api from '@opentelemetry/api'
import { type LoggerProvider as LogsProvider, logs } from '@opentelemetry/api-logs'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import type { Warn } from '../warnings'
import { ensureContext, releaseContext } from '../tracing/context'
import type { Instance } from '../instance'
import { attempt } from '../rows/hostile'
import { createPropagator, usePropagator } from '../tracing/propagation'
import { addMember, removeMember } from './members'
import { sharedLoggerProvider } from './logger-provider'
import { sharedMeterProvider } from './meter-provider'
import { sharedTracerProvider } from './tracer-provider'

/** Part of API 1.10 and later. Earlier versions have a separate package for it. */
interface LogsApi {
  setGlobalLoggerProvider: (provider: LogsProvider) => boolean
  disable: () => void
}

let release: (() => void) | undefined

/** @returns a function that undoes it; the last one to leave removes the global registration */
export function join (instance: Instance, warn: Warn): () => void {
  if (addMember(instance) === 1) release = register(warn)
  return function leave () {
    if (removeMember(instance) !== 0) return
    release?.()
    release = undefined
  }
}

/** Keeps everything that the app registered before us. */
function register (warn: Warn): () => void {
  const manager = new AsyncLocalStorageContextManager().enable()
  const undo: Array<() => void> = [
    ownsContext(manager),
    ownsPropagator(warn),
    api.trace.setGlobalTracerProvider(sharedTracerProvider) && (() => api.trace.disable()),
    api.metrics.setGlobalMeterProvider(sharedMeterProvider) && (() => api.metrics.disable()),
    logs.setGlobalLoggerProvider(sharedLoggerProvider) === sharedLoggerProvider && (() => logs.disable()),
    ownsLogsApi()
  ].filter(step => step !== false)
  return function unregister () {
    // The API tells the app's diagnostic logger, which may throw.
    for (const step of undo) attempt(step)
    releaseContext()
    manager.disable()
  }
}

function ownsContext (manager: api.ContextManager): false | (() => void) {
  const isOurs = api.context.setGlobalContextManager(manager)
  ensureContext(manager)
  return isOurs && (() => api.context.disable())
}

function ownsPropagator (warn: Warn): false | (() => void) {
  const isOurs = api.propagation.setGlobalPropagator(createPropagator(warn))
  usePropagator(isOurs)
  return isOurs && (() => {
    usePropagator(false)
    api.propagation.disable()
  })
}

function ownsLogsApi (): false | (() => void) {
  const { logs: newer } = api as { logs?: LogsApi }
  return newer !== undefined && newer.setGlobalLoggerProvider(sharedLoggerProvider) && (() => newer.disable())
}
