/** Requests, calls, exceptions, the process and delivery itself → numbers, aggregated here and sent once an interval. */
import { readFileSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import { type IntervalHistogram, PerformanceObserver, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { type Attributes, type HrTime, type Meter, type MeterProvider, createNoopMeter } from '@opentelemetry/api'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { DeliveryStats } from '../delivery'
import { METHODS } from '../requests/attributes'
import type { AppMeter } from './meter'
import type { Properties } from '../options'
import { nameOf } from '../rows/hostile'
import { toAttributes, toMeasurement } from '../rows/properties'
import type { Role } from '../tracing/resource'
import { hrTimeOfMillis } from '../tracing/time'

/** Stops Azure from counting a row that one of our metrics has counted. */
export const PROCESSED = '_MS.ProcessedByMetricExtractors'
export const PROCESSED_REQUEST = "(Name:'Requests', Ver:'1.1')"
export const PROCESSED_DEPENDENCY = "(Name:'Dependencies', Ver:'1.1')"
export const PROCESSED_EXCEPTION = "(Name:'Exceptions', Ver:'1.1')"

export interface RequestOutcome {
  readonly method: string
  readonly route: string
  readonly scheme: string
  /** undefined where the connection was cut before there was one. */
  readonly status: number | undefined
  readonly success: boolean
  /** A robot that watches over the app. */
  readonly synthetic: boolean
  /** Milliseconds. */
  readonly duration: number
}

export interface CallOutcome {
  readonly target: string
  readonly status: number | undefined
  readonly success: boolean
  /** Milliseconds. */
  readonly duration: number
}

export interface Metrics {
  request: (outcome: RequestOutcome) => void
  call: (outcome: CallOutcome) => void
  /** @param weight how many the row stands for */
  exception: (weight: number) => void
  track: (name: string, value: number, properties?: Properties) => void
  /** For instruments of the app's and its instrumentations' own. Loads OpenTelemetry's SDK when it is first asked for. */
  meterProvider: () => MeterProvider
  /** Sends what has come together since the last time. */
  send: () => Promise<void>
  /** The same without waiting for the app's own instruments that answer later: the process is ending. */
  sendSync: () => void
  stop: () => void
}

export interface MetricsOptions {
  /** Milliseconds. */
  readonly interval: number
  readonly runtime: boolean
  readonly resource: Role
  /** Of every row. */
  readonly properties: Attributes
  /** Role and instance as rows carry them. */
  readonly role: string
  readonly instance: string
  readonly deliver: (metrics: ResourceMetrics) => void
  readonly stats: () => DeliveryStats
  readonly sampledOut: () => number
}

export const NO_METER: Meter = createNoopMeter()

// DataPointType of the SDK, which is not loaded for four numbers.
const HISTOGRAM = 0
const GAUGE = 2

// What one interval may bring, for each name: beyond it dimensions are dropped, as OpenTelemetry's SDKs do.
const MAX_SERIES = 2_000
const MAX_TARGETS = 100
const MAX_NAMES = 500
const MAX_NAME = 150
const OVERFLOW: Attributes = Object.freeze({ 'otel.metric.overflow': true })

interface Summary { count: number, sum: number, min: number, max: number }

class Series {
  readonly attributes: Attributes
  readonly summary: Summary = { count: 0, sum: 0, min: Infinity, max: -Infinity }

  constructor (attributes: Attributes) {
    this.attributes = attributes
  }

  add (value: number): void {
    const { summary } = this
    summary.count++
    summary.sum += value
    if (value < summary.min) summary.min = value
    if (value > summary.max) summary.max = value
  }
}

/** The series of one metric, forgotten when they were sent. */
class Store {
  readonly name: string
  readonly #max: number
  // By a text and a number: texts put together for every value would have to be hashed for every value.
  #groups = new Map<string, Map<number, Series>>()
  #size = 0
  #overflow: Series | undefined

  constructor (name: string, max: number) {
    this.name = name
    this.#max = max
  }

  /** Its dimensions are asked for once, not for each value. */
  of (group: string, code: number, attributes: () => Attributes): Series {
    let series = this.#groups.get(group)
    let found = series?.get(code)
    if (found !== undefined) return found
    if (this.#size >= this.#max) return (this.#overflow ??= new Series(OVERFLOW))
    if (series === undefined) this.#groups.set(group, series = new Map())
    series.set(code, found = new Series(attributes()))
    this.#size++
    return found
  }

  take (): Series[] {
    const taken: Series[] = []
    for (const group of this.#groups.values()) taken.push(...group.values())
    if (this.#overflow !== undefined) taken.push(this.#overflow)
    if (this.#size > 0) this.#groups = new Map()
    this.#size = 0
    this.#overflow = undefined
    return taken
  }
}

type Point = readonly [name: string, type: typeof HISTOGRAM | typeof GAUGE, attributes: Attributes, value: number | Summary]

export function createMetrics ({ interval, runtime, resource, properties, role, instance, deliver, stats, sampledOut }: MetricsOptions): Metrics {
  const requests = new Store('requests/duration', MAX_SERIES)
  const calls = new Store('dependencies/duration', MAX_SERIES)
  const served = new Store('http.server.request.duration', MAX_SERIES)
  let custom = new Map<string, Store>()
  const targets = new Set<string>()
  const watch = runtime ? watchProcess() : undefined
  const told = { delivered: 0, dropped: 0, sampledOut: 0 }
  let exceptions = 0
  let since = Date.now()
  let app: AppMeter | undefined
  const timer = setInterval(() => { void send() }, interval).unref()

  function standard (id: string, more: Attributes): Attributes {
    return { '_MS.MetricId': id, '_MS.IsAutocollected': 'True', 'cloud/roleName': role, 'cloud/roleInstance': instance, ...more }
  }

  function request ({ method, route, scheme, status, success, synthetic, duration }: RequestOutcome): void {
    const outcome = (status ?? 0) * 2 + Number(success)
    requests.of(synthetic ? 'synthetic' : '', outcome, () => standard('requests/duration', {
      'Request.Success': truth(success),
      'request/resultCode': String(status ?? 0),
      ...(synthetic ? { 'operation/synthetic': 'True' } : {})
    })).add(duration)
    served.of(route, ((status ?? 0) * 2 + Number(scheme === 'https')) * METHODS.length + METHODS.indexOf(method), () => ({
      'http.request.method': method,
      'url.scheme': scheme,
      'http.route': route,
      ...(status === undefined ? { 'error.type': 'connection_closed' } : { 'http.response.status_code': status }),
      ...(status !== undefined && status >= 500 ? { 'error.type': String(status) } : {})
    })).add(duration / 1_000)
  }

  function call ({ target, status, success, duration }: CallOutcome): void {
    // A client may be sent anywhere: names of hosts are bounded for good, not per interval.
    if (!targets.has(target) && targets.size < MAX_TARGETS) targets.add(target)
    const known = targets.has(target) ? target : '(other)'
    calls.of(known, (status ?? 0) * 2 + Number(success), () => standard('dependencies/duration', {
      'Dependency.Type': 'Http',
      'dependency/target': known,
      'Dependency.Success': truth(success),
      'dependency/resultCode': String(status ?? 0)
    })).add(duration)
  }

  function track (name: string, value: number, properties?: Properties): void {
    const number = toMeasurement(value)
    if (number === undefined) return
    const text = nameOf(name).slice(0, MAX_NAME)
    let store = custom.get(text)
    if (store === undefined) {
      if (custom.size >= MAX_NAMES) return
      custom.set(text, store = new Store(text, MAX_SERIES))
    }
    const attributes = toAttributes(properties)
    const names = Object.keys(attributes).sort()
    store.of(JSON.stringify(names.map(key => [key, attributes[key]])), 0, () =>
      Object.fromEntries(names.map(key => [key, attributes[key]]))).add(number)
  }

  function take (): Point[] {
    const now = Date.now()
    const seconds = Math.max(now - since, 1) / 1_000
    since = now
    const points: Point[] = []
    let count = 0
    let busy = 0
    for (const store of [requests, calls, served, ...custom.values()]) {
      for (const { attributes, summary } of store.take()) {
        points.push([store.name, HISTOGRAM, attributes, summary])
        if (store === requests) {
          count += summary.count
          busy += summary.sum
        }
      }
    }
    custom = new Map()
    if (exceptions > 0) points.push(['exceptions/count', GAUGE, standard('exceptions/count', {}), Math.round(exceptions)])
    if (watch !== undefined) {
      points.push(
        ['Request_Rate', GAUGE, {}, count / seconds],
        ['Request_Execution_Time', GAUGE, {}, count === 0 ? 0 : busy / count],
        ['Exception_Rate', GAUGE, {}, exceptions / seconds],
        ...watch.take())
    }
    exceptions = 0
    points.push(...deliveryPoints())
    return points
  }

  function deliveryPoints (): Point[] {
    const { inherited: _, lastError: __, ...kinds } = stats()
    const out = sampledOut()
    let [delivered, dropped, waiting] = [0, 0, 0]
    for (const kind of Object.values(kinds)) {
      delivered += kind.delivered
      waiting += kind.queued + kind.inFlight + kind.spooled
      for (const items of Object.values(kind.dropped)) dropped += items
    }
    const points: Point[] = [
      ['fastify_app_insights.rows.sent', GAUGE, {}, delivered - told.delivered],
      ['fastify_app_insights.rows.dropped', GAUGE, {}, dropped - told.dropped],
      ['fastify_app_insights.rows.sampled_out', GAUGE, {}, out - told.sampledOut],
      ['fastify_app_insights.rows.waiting', GAUGE, {}, waiting]
    ]
    Object.assign(told, { delivered, dropped, sampledOut: out })
    return points
  }

  function toResourceMetrics (points: Point[], startTime: HrTime): ResourceMetrics {
    const endTime = hrTimeOfMillis(Date.now())
    const metrics = points.map(([name, dataPointType, attributes, value]) => ({
      descriptor: { name }, dataPointType, dataPoints: [{ attributes: { ...properties, ...attributes }, value, startTime, endTime }]
    }))
    return { resource, scopeMetrics: [{ scope: { name: 'fastify-app-insights' }, metrics }] } as unknown as ResourceMetrics
  }

  function sendSync (): void {
    const startTime = hrTimeOfMillis(since)
    deliver(toResourceMetrics(take(), startTime))
  }

  async function send (): Promise<void> {
    sendSync()
    const collected = await app?.collect()
    if (collected !== undefined) deliver(collected)
  }

  return {
    request,
    call,
    exception (weight) { exceptions += weight },
    track,
    meterProvider () {
      if (app === undefined) {
        const { createAppMeter } = require('./meter') as typeof import('./meter')
        app = createAppMeter(resource)
      }
      return app.provider
    },
    send,
    sendSync,
    stop () {
      clearInterval(timer)
      watch?.stop()
    }
  }
}

function truth (value: boolean): string {
  return value ? 'True' : 'False'
}

interface ProcessWatch { take: () => Point[], stop: () => void }

const GC_KINDS: Readonly<Record<number, string>> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' }

/**
 * Names: OpenTelemetry's for Node.js, and those that the exporter turns into the portal's performance counters.
 * @see https://opentelemetry.io/docs/specs/semconv/runtime/nodejs-metrics/
 */
function watchProcess (): ProcessWatch {
  // A native timer: no JavaScript runs for it, but it wakes an idle process, which takes about 30 µs of CPU time.
  const delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 50 })
  delay.enable()
  const pauses = new Store('v8js.gc.duration', MAX_SERIES)
  const observer = new PerformanceObserver(list => {
    for (const { duration, detail } of list.getEntries() as unknown as Array<{ duration: number, detail: { kind: number } }>) {
      const kind = GC_KINDS[detail.kind] ?? 'other'
      pauses.of(kind, 0, () => ({ 'v8js.gc.type': kind })).add(duration / 1_000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  const cores = availableParallelism()
  let utilization = performance.eventLoopUtilization()
  let cpu = process.cpuUsage()
  let at = performance.now()

  function take (): Point[] {
    const now = performance.now()
    const used = process.cpuUsage(cpu)
    const percent = (used.user + used.system) / 10 / Math.max(now - at, 1)
    cpu = process.cpuUsage()
    at = now
    const before = utilization
    utilization = performance.eventLoopUtilization()
    const heap = getHeapStatistics()
    const points: Point[] = [
      ['nodejs.eventloop.utilization', GAUGE, {}, performance.eventLoopUtilization(utilization, before).utilization],
      ['v8js.memory.heap.used', GAUGE, {}, heap.used_heap_size],
      ['v8js.memory.heap.limit', GAUGE, {}, heap.heap_size_limit],
      ['Private_Bytes', GAUGE, {}, process.memoryUsage.rss()],
      ['Available_Bytes', GAUGE, {}, availableMemory()],
      ['Process_Time_Standard', GAUGE, {}, percent],
      ['Process_Time_Normalized', GAUGE, {}, percent / cores]
    ]
    // Without a sample its mean is not a number.
    if (delay.count > 0) {
      points.push(
        ['nodejs.eventloop.delay.mean', GAUGE, {}, delay.mean / 1e9],
        ['nodejs.eventloop.delay.p50', GAUGE, {}, delay.percentile(50) / 1e9],
        ['nodejs.eventloop.delay.p99', GAUGE, {}, delay.percentile(99) / 1e9],
        ['nodejs.eventloop.delay.max', GAUGE, {}, delay.max / 1e9])
      delay.reset()
    }
    for (const { attributes, summary } of pauses.take()) points.push([pauses.name, HISTOGRAM, attributes, summary])
    return points
  }

  return {
    take,
    stop () {
      delay.disable()
      observer.disconnect()
    }
  }
}

/** Linux counts what its caches would give back as used. */
function availableMemory (): number {
  try {
    const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
    if (kilobytes !== undefined) return Number(kilobytes) * 1_024
  } catch {}
  return freemem()
}
