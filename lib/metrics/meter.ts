/** The app's own instruments → the same interval. Apart, because the SDK takes 10 to 20 ms to load. */
import type { MeterProvider as ApiMeterProvider } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationTemporality, InstrumentType, MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Role } from '../tracing/resource'

export interface AppMeter {
  readonly provider: ApiMeterProvider
  /** undefined where there is nothing new. */
  collect: () => Promise<ResourceMetrics | undefined>
}

const MAX_SERIES = 500
const TIMEOUT = 5_000

/** Asked for, never on a timer of its own. */
class PulledReader extends MetricReader {
  constructor () {
    // As the Azure exporter wants it: an up-down counter is a level, everything else is what came since the last time.
    super({
      aggregationTemporalitySelector: type => type === InstrumentType.UP_DOWN_COUNTER || type === InstrumentType.OBSERVABLE_UP_DOWN_COUNTER
        ? AggregationTemporality.CUMULATIVE
        : AggregationTemporality.DELTA,
      cardinalitySelector: () => MAX_SERIES
    })
  }

  protected override async onForceFlush (): Promise<void> {}
  protected override async onShutdown (): Promise<void> {}
}

export function createAppMeter ({ attributes }: Role): AppMeter {
  const reader = new PulledReader()
  const provider = new MeterProvider({ resource: resourceFromAttributes(attributes), readers: [reader] })
  return {
    provider,
    async collect () {
      // An observable instrument's callback that fails is the app's: the others' values are still good.
      const { resourceMetrics } = await reader.collect({ timeoutMillis: TIMEOUT })
      return resourceMetrics.scopeMetrics.some(({ metrics }) => metrics.some(({ dataPoints }) => dataPoints.length > 0)) ? resourceMetrics : undefined
    }
  }
}
