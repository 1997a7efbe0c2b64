/** The app's functions and objects → guarded ones, whose failures never reach a request or end the process. */
import type { AccessToken, TokenCredential } from '@azure/core-auth'
import type { LogRecordProcessor } from '@opentelemetry/sdk-logs'
import type { Sampler, SamplingResult, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { wallClock } from '../clock'
import { type Warn, messageOf } from '../warnings'

/** SamplingDecision.RECORD_AND_SAMPLED, without loading the SDK for it. */
const SAMPLED = 2
// In milliseconds: the assumed lifetime of a token without an expiry time.
const UNKNOWN_LIFETIME = 60_000

type Callback<Arguments extends unknown[], Result> = (...given: Arguments) => Result

/**
 * Calls `callback`, which must be synchronous.
 * @param option its full name, for the warning
 * @param consequence what happens instead, for the warning: `the line is sent`
 * @returns a function that returns undefined if `callback` throws, is async, or is called from inside itself
 */
export function guarded<Arguments extends unknown[], Result> (option: string, callback: Callback<Arguments, Result>, consequence: string, warn: Warn): Callback<Arguments, Result | undefined> {
  let running = false
  return (...given) => {
    // A filter that logs would be called for its own line, endlessly.
    if (running) return undefined
    running = true
    try {
      const result = callback(...given)
      if (!isThenable(result)) return result
      ignoreRejection(result)
      warn(`${option} returned a promise, so ${consequence}. It must not be async.`)
    } catch (error) {
      warn(`${option} failed, so ${consequence}: ${messageOf(error)}`)
    } finally {
      running = false
    }
    return undefined
  }
}

/** Also returns undefined if the result isn't true or false. */
export function guardedPredicate<Arguments extends unknown[]> (option: string, callback: Callback<Arguments, unknown>, consequence: string, warn: Warn): Callback<Arguments, boolean | undefined> {
  return guarded(option, (...given: Arguments) => {
    const result = callback(...given)
    if (typeof result === 'boolean' || isThenable(result)) return result as boolean
    warn(`${option} returned neither true nor false, so ${consequence}.`)
    return undefined
  }, consequence, warn)
}

/** Also returns undefined if the result isn't an object. */
export function guardedProperties<Arguments extends unknown[], Properties extends object> (option: string, callback: Callback<Arguments, Properties | undefined | void>, consequence: string, warn: Warn): Callback<Arguments, Properties | undefined> {
  return guarded(option, (...given: Arguments) => {
    const result = callback(...given)
    if (result === undefined || result === null || isThenable(result)) return result as Properties | undefined
    if (typeof result === 'object' && !Array.isArray(result)) return result
    warn(`${option} didn't return an object, so ${consequence}.`)
    return undefined
  }, consequence, warn)
}

/** A copy without undefined values: code such as `{ region: process.env.REGION }` is common. */
export function withoutUndefined<Properties extends object> (properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as Properties
}

/** If it fails or returns no decision, everything is kept, which is the default. */
export function guardedSampler (sampler: Sampler, warn: Warn): Sampler {
  const shouldSample = guarded('sampler', sampler.shouldSample.bind(sampler), 'the operation is sent', warn)
  const toString = guarded('sampler', () => String(sampler), 'its name is unknown', warn)
  return {
    shouldSample (...given) {
      const result = shouldSample(...given)
      if (isSamplingResult(result)) return result
      if (result !== undefined) warn('sampler returned no sampling decision, so the operation is sent.')
      return { decision: SAMPLED }
    },
    toString: () => toString() ?? 'sampler'
  }
}

function isSamplingResult (value: unknown): value is SamplingResult {
  const decision = (value as Partial<SamplingResult> | null | undefined)?.decision
  return decision === 0 || decision === 1 || decision === SAMPLED
}

export function guardedSpanProcessor (option: string, processor: SpanProcessor, warn: Warn): SpanProcessor {
  const { onEnding } = processor
  return {
    onStart: guardedMethod(`${option}.onStart`, processor.onStart.bind(processor), warn),
    ...(typeof onEnding === 'function' ? { onEnding: guardedMethod(`${option}.onEnding`, onEnding.bind(processor), warn) } : {}),
    onEnd: guardedMethod(`${option}.onEnd`, processor.onEnd.bind(processor), warn),
    forceFlush: guardedMethod(`${option}.forceFlush`, processor.forceFlush.bind(processor), warn),
    shutdown: guardedMethod(`${option}.shutdown`, processor.shutdown.bind(processor), warn)
  }
}

export function guardedLogRecordProcessor (option: string, processor: LogRecordProcessor, warn: Warn): LogRecordProcessor {
  const { enabled } = processor
  const isEnabled = typeof enabled === 'function'
    ? guarded(`${option}.enabled`, enabled.bind(processor), 'it counts as enabled', warn)
    : undefined
  return {
    ...(isEnabled === undefined ? {} : { enabled: options => isEnabled(options) ?? true }),
    onEmit: guardedMethod(`${option}.onEmit`, processor.onEmit.bind(processor), warn),
    forceFlush: guardedMethod(`${option}.forceFlush`, processor.forceFlush.bind(processor), warn),
    shutdown: guardedMethod(`${option}.shutdown`, processor.shutdown.bind(processor), warn)
  } as LogRecordProcessor
}

/** For methods whose result is unused, or is a promise to wait for. That promise never rejects. */
function guardedMethod<Arguments extends unknown[], Result> (name: string, method: Callback<Arguments, Result>, warn: Warn): Callback<Arguments, Result> {
  const report = (error: unknown): void => warn(`${name} failed: ${messageOf(error)}`)
  return (...given) => {
    try {
      const result = method(...given)
      return (isThenable(result) ? Promise.resolve(result).catch(report) : result) as Result
    } catch (error) {
      report(error)
      return undefined as Result
    }
  }
}

// Cached, because instances with the same credential object share a connection.
const credentials = new WeakMap<TokenCredential, TokenCredential>()

/** Failures always reject with an Error, and an invalid token becomes null. */
export function guardedCredential (credential: TokenCredential): TokenCredential {
  let safe = credentials.get(credential)
  if (safe === undefined) credentials.set(credential, safe = { getToken })
  return safe

  async function getToken (...given: Parameters<TokenCredential['getToken']>): Promise<AccessToken | null> {
    let token: AccessToken | null | undefined
    try {
      token = await credential.getToken(...given)
    } catch (error) {
      throw error instanceof Error ? error : new Error(messageOf(error))
    }
    if (typeof token?.token !== 'string' || token.token === '') return null
    return Number.isFinite(token.expiresOnTimestamp) ? token : { ...token, expiresOnTimestamp: wallClock() + UNKNOWN_LIFETIME }
  }
}

/** The result of an async function is not awaited, but its rejection must not end the process. */
export function ignoreRejection (result: unknown): void {
  if (isThenable(result)) void Promise.resolve(result).catch(() => {})
}

function isThenable (value: unknown): value is PromiseLike<unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
