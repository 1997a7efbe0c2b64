/** Requests, calls, exceptions, the process and delivery → metrics, aggregated here and sent once per interval. */
import { type Attributes, type HrTime, type Meter, type MeterProvider, createNoopMeter } from '@opentelemetry/api'
import { millisToHrTime } from '@opentelemetry/core'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { monotonic } from '../clock'
import type { DeliveryStats } from '../delivery'
import type { Properties } from '../options'
import type { Role } from '../tracing/resource'
import { type Warn, messageOf } from '../warnings'
import { CustomMetrics } from './custom'
import { DeliveryMetrics } from './delivered'
import { CallMetrics, type CallOutcome, RequestMetrics, type RequestOutcome, type RequestTotals } from './http'
import type { AppMeter } from './meter'
import { type StandardDimensions, standardDimensions } from './names'
import { type ProcessWatch, watchProcess } from './process'
import { SdkStats } from './sdk-stats'
import { GAUGE, type Point } from './series'

export interface MetricsOptions {
  /** Milliseconds. */
  readonly interval: number
  /** Whether to report the process: memory, CPU, event loop, garbage collection. */
  readonly runtime: boolean
  readonly resource: Role
  /** Added to every row. */
  readonly properties: Attributes
  /** Role and instance, as in every row. */
  readonly role: string
  readonly instance: string
  readonly deliver: (metrics: ResourceMetrics) => void
  readonly stats: () => DeliveryStats
  readonly sampledOut: () => number
  readonly warn: Warn
  /** Whether to count rows for Azure's SDK stats workbook. */
  readonly sdkStats: boolean
  /** The version of this package. */
  readonly version: string
}

export const NO_METER: Meter = createNoopMeter()

export class Metrics {
  readonly #options: MetricsOptions
  readonly #dimensions: StandardDimensions
  readonly #requests: RequestMetrics
  readonly #calls: CallMetrics
  readonly #custom = new CustomMetrics()
  readonly #delivery: DeliveryMetrics
  readonly #sdkStats: SdkStats | undefined
  readonly #process: ProcessWatch | undefined
  readonly #timer: NodeJS.Timeout
  #exceptions = 0
  /** Whether the next send is the last one. */
  #isEnding = false
  /** When the interval started, in milliseconds since 1970. */
  #since = Date.now()
  /** The same on the monotonic clock, because the system's may be set in between. */
  #sinceMonotonic = monotonic()
  #app: AppMeter | undefined

  constructor (options: MetricsOptions) {
    this.#options = options
    this.#dimensions = standardDimensions(options.role, options.instance)
    this.#requests = new RequestMetrics(this.#dimensions)
    this.#calls = new CallMetrics(this.#dimensions)
    this.#delivery = new DeliveryMetrics(options.stats, options.sampledOut)
    this.#sdkStats = options.sdkStats ? new SdkStats(options.stats, options.version, process.env) : undefined
    this.#process = options.runtime ? watchProcess() : undefined
    this.#timer = setInterval(() => { void this.send() }, options.interval).unref()
  }

  request (outcome: RequestOutcome): void {
    this.#requests.add(outcome)
  }

  call (outcome: CallOutcome): void {
    this.#calls.add(outcome)
  }

  /** @param weight how many exceptions the row represents */
  exception (weight: number): void {
    this.#exceptions += weight
  }

  track (name: string, value: number, properties?: Properties): void {
    this.#custom.add(name, value, properties)
  }

  /** For the instruments of the app and its instrumentations. Loads OpenTelemetry's metrics SDK on the first call. */
  meterProvider (): MeterProvider {
    if (this.#app === undefined) {
      const { createAppMeter } = require('./meter') as typeof import('./meter')
      this.#app = createAppMeter(this.#options.resource)
    }
    return this.#app.provider
  }

  /** Sends everything since the last send. Never rejects. */
  async send (): Promise<void> {
    try {
      this.sendSync()
      const collected = await this.#app?.collect()
      if (collected !== undefined) this.#options.deliver(collected)
    } catch (error) {
      this.#options.warn(`Metrics could not be collected: ${messageOf(error)}`)
    }
  }

  /**
   * The same for a process that is ending: doesn't wait for asynchronous instruments.
   * @param isLast whether this is the last send
   */
  sendSync (isLast = this.#isEnding): void {
    const startTime = millisToHrTime(this.#since)
    this.#options.deliver(this.#toResourceMetrics(this.#take(isLast), startTime))
  }

  stop (): void {
    this.#isEnding = true
    clearInterval(this.#timer)
    this.#process?.stop()
  }

  #take (isLast: boolean): Point[] {
    const now = monotonic()
    const seconds = Math.max(now - this.#sinceMonotonic, 1) / 1_000
    this.#sinceMonotonic = now
    this.#since = Date.now()
    const exceptions = this.#exceptions
    this.#exceptions = 0
    const requests = this.#requests.take()
    const points = [...requests.points, ...this.#calls.take(), ...this.#custom.take()]
    if (exceptions > 0) points.push(['exceptions/count', GAUGE, this.#dimensions('exceptions/count'), Math.round(exceptions)])
    if (this.#process !== undefined) points.push(...rates(requests.totals, exceptions, seconds), ...this.#process.take())
    points.push(...this.#delivery.take(), ...this.#sdkStats?.take(isLast) ?? [])
    return points
  }

  #toResourceMetrics (points: readonly Point[], startTime: HrTime): ResourceMetrics {
    const { resource, properties } = this.#options
    const endTime = millisToHrTime(Date.now())
    const metrics = points.map(([name, dataPointType, attributes, value]) => ({
      descriptor: { name }, dataPointType, dataPoints: [{ attributes: { ...properties, ...attributes }, value, startTime, endTime }]
    }))
    return { resource, scopeMetrics: [{ scope: { name: 'fastify-app-insights' }, metrics }] } as unknown as ResourceMetrics
  }
}

/** The exporter turns these names into the portal's performance counters. */
function rates ({ count, duration }: RequestTotals, exceptions: number, seconds: number): Point[] {
  return [
    ['Request_Rate', GAUGE, {}, count / seconds],
    ['Request_Execution_Time', GAUGE, {}, count === 0 ? 0 : duration / count],
    ['Exception_Rate', GAUGE, {}, exceptions / seconds]
  ]
}
