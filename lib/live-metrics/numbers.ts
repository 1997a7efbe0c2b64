/** Running totals and the process → the metrics of one post. */
import { availableParallelism } from 'node:os'
import { monotonic } from '../clock'
import { CALLS, CALL_DURATION, EXCEPTIONS, FAILED_CALLS, FAILED_REQUESTS, REQUESTS, REQUEST_DURATION, TOTALS, type SharedCounters } from './counters'
import { METRIC, metricPoint, type MetricPoint } from './protocol'

/** The metrics of one server: the totals of all its instances, and of the process that they share. */
export class Numbers {
  readonly #last = new Map<SharedCounters, number[]>()
  readonly #cores = availableParallelism()
  #cpu = process.cpuUsage()
  #at = monotonic()

  /** Starts from the current totals, so that earlier counts don't appear in the next post. */
  reset (counters: Iterable<SharedCounters>): void {
    this.#last.clear()
    for (const each of counters) this.#last.set(each, [...each.totals])
    this.#cpu = process.cpuUsage()
    this.#at = monotonic()
  }

  /** @returns the metrics since the last call, and the number of seconds since then */
  take (counters: Iterable<SharedCounters>): { metrics: MetricPoint[], seconds: number } {
    const now = monotonic()
    const seconds = Math.max(now - this.#at, 1) / 1_000
    this.#at = now
    const since = this.#since(counters)
    const rate = (name: string, at: number): MetricPoint => metricPoint(name, since[at] / seconds)
    const mean = (name: string, at: number, count: number): MetricPoint => metricPoint(name, since[count] === 0 ? 0 : since[at] / since[count], since[count])
    const memory = process.memoryUsage.rss()
    const cpu = this.#takeCpu(seconds)
    const metrics = [
      rate(METRIC.requests, REQUESTS),
      rate(METRIC.failedRequests, FAILED_REQUESTS),
      mean(METRIC.requestDuration, REQUEST_DURATION, REQUESTS),
      rate(METRIC.calls, CALLS),
      rate(METRIC.failedCalls, FAILED_CALLS),
      mean(METRIC.callDuration, CALL_DURATION, CALLS),
      rate(METRIC.exceptions, EXCEPTIONS),
      ...[METRIC.memory, METRIC.olderMemory].map(name => metricPoint(name, memory)),
      ...[METRIC.cpu, METRIC.olderCpu].map(name => metricPoint(name, cpu))
    ]
    return { metrics, seconds }
  }

  #since (counters: Iterable<SharedCounters>): number[] {
    const since = new Array<number>(TOTALS).fill(0)
    for (const each of counters) {
      const now = [...each.totals]
      const last = this.#last.get(each)
      this.#last.set(each, now)
      for (let at = 0; at < TOTALS; at++) since[at] += now[at] - (last?.[at] ?? 0)
    }
    return since
  }

  /** CPU time of all threads of the process, in percent of the whole machine. */
  #takeCpu (seconds: number): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    this.#cpu = process.cpuUsage()
    return Math.min(100, (user + system) / 1e6 / seconds / this.#cores * 100)
  }
}
