/**
 * Delivery's totals → the counts for Azure's SDK stats workbook: `Item_Success_Count`, `Item_Dropped_Count`,
 * `Item_Retry_Count`.
 * @see https://learn.microsoft.com/azure/azure-monitor/app/sdk-stats
 */
import type { Attributes } from '@opentelemetry/api'
import { monotonic } from '../clock'
import type { DeliveryStats, Kind, Reason } from '../delivery'
import { GAUGE, type Point } from './series'

/** In milliseconds. The same as in Azure's SDKs. */
const INTERVAL = 15 * 60_000

/** Azure counts performance counters, availability results and page views separately; we count them by the kind they are sent as. */
const TELEMETRY_TYPES: Readonly<Record<Kind, string>> = {
  requests: 'REQUEST', dependencies: 'DEPENDENCY', traces: 'TRACE', exceptions: 'EXCEPTION', customEvents: 'CUSTOM_EVENT', customMetrics: 'CUSTOM_METRIC'
}

/** The endpoint's status or a client code, and its meaning. */
const DROPS: Readonly<Record<Reason, readonly [code: string, reason: string]>> = {
  queueFull: ['CLIENT_EXCEPTION', 'Queue full'],
  closed: ['CLIENT_EXCEPTION', 'Recorded after close'],
  unmapped: ['CLIENT_EXCEPTION', 'No row can be made of it'],
  unpackable: ['CLIENT_EXCEPTION', 'Cannot be read'],
  workerDied: ['CLIENT_EXCEPTION', 'Worker thread ended'],
  takenOver: ['CLIENT_EXCEPTION', 'Taken over by another process'],
  expired: ['CLIENT_EXCEPTION', 'Too old'],
  corrupt: ['CLIENT_EXCEPTION', 'Storage exception'],
  storageFailed: ['CLIENT_EXCEPTION', 'Storage exception'],
  storageFull: ['CLIENT_PERSISTENCE_CAPACITY', 'Client persistence capacity'],
  badRequest: ['400', 'Bad request'],
  unauthorized: ['401', 'Unauthorized'],
  forbidden: ['403', 'Forbidden'],
  quota: ['402', 'Daily quota exceeded'],
  tooLarge: ['413', 'Payload too large'],
  refused: ['UNKNOWN', 'Refused'],
  sampledByService: ['206', 'Sampled by the service']
}

/** Totals of the series, keyed by their attributes. */
type Totals = Map<string, { name: string, attributes: Attributes, total: number }>

export class SdkStats {
  readonly #stats: () => DeliveryStats
  readonly #version: string
  readonly #platform: string
  readonly #interval: number
  #reported: Totals = new Map()
  readonly #now: () => number
  #since: number

  /**
   * @param env APPLICATIONINSIGHTS_SDKSTATS_EXPORT_INTERVAL is in seconds
   * @param now in milliseconds, on a clock that can't be set back
   */
  constructor (stats: () => DeliveryStats, version: string, env: NodeJS.ProcessEnv, now = monotonic) {
    this.#stats = stats
    this.#now = now
    this.#since = now()
    this.#version = version
    this.#platform = platformOf(env)
    const seconds = Number(env.APPLICATIONINSIGHTS_SDKSTATS_EXPORT_INTERVAL)
    this.#interval = seconds > 0 ? seconds * 1_000 : INTERVAL
  }

  /** Returns nothing before the interval is over, except in the last call. */
  take (last: boolean): Point[] {
    const now = this.#now()
    if (!last && now - this.#since < this.#interval) return []
    this.#since = now
    const totals = this.#totals()
    const points: Point[] = []
    for (const [key, { name, attributes, total }] of totals) {
      const more = total - (this.#reported.get(key)?.total ?? 0)
      if (more > 0) points.push([name, GAUGE, attributes, more])
    }
    this.#reported = totals
    return points
  }

  #totals (): Totals {
    const totals: Totals = new Map()
    const { inherited: _, lastError: __, ...kinds } = this.#stats()
    const add = (name: string, total: number, attributes: Attributes): void => {
      const key = JSON.stringify([name, attributes])
      const known = totals.get(key)
      if (known === undefined) totals.set(key, { name, attributes, total })
      else known.total += total
    }
    for (const [kind, { delivered, retried, dropped }] of Object.entries(kinds)) {
      const type = TELEMETRY_TYPES[kind as Kind]
      const of = (more: Attributes): Attributes => ({ ...both('telemetry_type', type), ...more, language: 'node', version: this.#version, ...both('compute_type', this.#platform) })
      add('Item_Success_Count', delivered, of({}))
      // We don't count the status that caused a retry.
      add('Item_Retry_Count', retried, of({ ...both('retry.code', 'UNKNOWN'), ...both('retry.reason', 'Unknown reason') }))
      for (const [reason, count] of Object.entries(dropped)) {
        const [code, words] = DROPS[reason as Reason]
        add('Item_Dropped_Count', count, of({ ...both('drop.code', code), ...both('drop.reason', words) }))
      }
    }
    return totals
  }
}

/** Detects the platform by the environment variables that it sets. */
function platformOf (env: NodeJS.ProcessEnv): string {
  if (env.FUNCTIONS_WORKER_RUNTIME) return 'functions'
  if (env.WEBSITE_SITE_NAME) return 'appsvc'
  return env.AKS_ARM_NAMESPACE_ID || env.KUBERNETES_SERVICE_HOST ? 'aks' : 'unknown'
}

/** Sets a dimension under its documented name, and under the name that Azure's exporter for Node.js uses. */
function both (name: string, value: string): Attributes {
  return { [name]: value, [name.replaceAll(/[._](\w)/g, (_, letter: string) => letter.toUpperCase())]: value }
}
