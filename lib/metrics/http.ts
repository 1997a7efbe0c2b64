/** Requests and outgoing calls → Azure's standard metrics and OpenTelemetry's. */
import { METHODS } from '../rows/methods'
import { type StandardDimensions, toAzureBoolean } from './names'
import { type Point, SeriesStore, type Summary } from './series'

const MAX_TARGETS = 100

export interface RequestOutcome {
  readonly method: string
  readonly route: string
  readonly scheme: string
  /** Undefined if the connection closed before a status was sent. */
  readonly status: number | undefined
  readonly success: boolean
  /** From an availability test or a platform probe. */
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

/** Requests of one interval: their number, and their total duration in milliseconds. */
export interface RequestTotals { readonly count: number, readonly duration: number }

export class RequestMetrics {
  readonly #standard = new SeriesStore('requests/duration')
  readonly #http = new SeriesStore('http.server.request.duration')
  readonly #dimensions: StandardDimensions

  constructor (dimensions: StandardDimensions) {
    this.#dimensions = dimensions
  }

  add ({ method, route, scheme, status, success, synthetic, duration }: RequestOutcome): void {
    const outcome = (status ?? 0) * 2 + Number(success)
    this.#standard.of(synthetic ? 'synthetic' : '', outcome, () => this.#dimensions('requests/duration', {
      'Request.Success': toAzureBoolean(success),
      'request/resultCode': String(status ?? 0),
      ...(synthetic ? { 'operation/synthetic': 'True' } : {})
    })).add(duration)
    this.#http.of(route, ((status ?? 0) * 2 + Number(scheme === 'https')) * METHODS.length + METHODS.indexOf(method), () => ({
      'http.request.method': method,
      'url.scheme': scheme,
      'http.route': route,
      ...(status === undefined ? { 'error.type': 'connection_closed' } : { 'http.response.status_code': status }),
      ...(status !== undefined && status >= 500 ? { 'error.type': String(status) } : {})
    })).add(duration / 1_000)
  }

  take (): { points: Point[], totals: RequestTotals } {
    const standard = this.#standard.takePoints()
    return { points: [...standard, ...this.#http.takePoints()], totals: totalsOf(standard) }
  }
}

function totalsOf (points: readonly Point[]): RequestTotals {
  let [count, duration] = [0, 0]
  for (const [,,, value] of points) {
    const { count: values, sum } = value as Summary
    count += values
    duration += sum
  }
  return { count, duration }
}

export class CallMetrics {
  readonly #store = new SeriesStore('dependencies/duration')
  readonly #targets = new Set<string>()
  readonly #dimensions: StandardDimensions

  constructor (dimensions: StandardDimensions) {
    this.#dimensions = dimensions
  }

  add ({ target, status, success, duration }: CallOutcome): void {
    const name = this.#boundedTarget(target)
    this.#store.of(name, (status ?? 0) * 2 + Number(success), () => this.#dimensions('dependencies/duration', {
      'Dependency.Type': 'Http',
      'dependency/target': name,
      'Dependency.Success': toAzureBoolean(success),
      'dependency/resultCode': String(status ?? 0)
    })).add(duration)
  }

  take (): Point[] {
    return this.#store.takePoints()
  }

  /** The app may call any number of hosts, so host names are limited for the whole process life, not per interval. */
  #boundedTarget (target: string): string {
    if (!this.#targets.has(target) && this.#targets.size < MAX_TARGETS) this.#targets.add(target)
    return this.#targets.has(target) ? target : '(other)'
  }
}
