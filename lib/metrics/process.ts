/** The process → its performance counters: memory, CPU, event loop, garbage collection. */
import { readFileSync } from 'node:fs'
import { availableParallelism, freemem } from 'node:os'
import { type IntervalHistogram, PerformanceObserver, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { GAUGE, type Point, SeriesStore } from './series'

export interface ProcessWatch { take: () => Point[], stop: () => void }

const GC_KINDS: Readonly<Record<number, string>> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' }

/**
 * Uses OpenTelemetry's names for Node.js, and names that the exporter turns into the portal's performance counters.
 * @see https://opentelemetry.io/docs/specs/semconv/runtime/nodejs-metrics/
 */
export function watchProcess (): ProcessWatch {
  // A native timer. It runs no JavaScript, but each time it wakes an idle process, that takes about 30 µs of CPU time.
  const delay: IntervalHistogram = monitorEventLoopDelay({ resolution: 50 })
  delay.enable()
  const pauses = new SeriesStore('v8js.gc.duration')
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
    // Without samples, the mean is NaN.
    if (delay.count > 0) {
      points.push(
        ['nodejs.eventloop.delay.mean', GAUGE, {}, delay.mean / 1e9],
        ['nodejs.eventloop.delay.p50', GAUGE, {}, delay.percentile(50) / 1e9],
        ['nodejs.eventloop.delay.p99', GAUGE, {}, delay.percentile(99) / 1e9],
        ['nodejs.eventloop.delay.max', GAUGE, {}, delay.max / 1e9])
      delay.reset()
    }
    return [...points, ...pauses.takePoints()]
  }

  return {
    take,
    stop () {
      delay.disable()
      observer.disconnect()
    }
  }
}

/** Linux counts reclaimable caches as used, so read the available memory instead. */
function availableMemory (): number {
  try {
    const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
    if (kilobytes !== undefined) return Number(kilobytes) * 1_024
  } catch {}
  return freemem()
}
