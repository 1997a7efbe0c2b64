/** Meters of OpenTelemetry's API → the meter provider of the first instance that collects metrics. */
import { type Meter, type MeterOptions, type MeterProvider, createNoopMeter } from '@opentelemetry/api'
import { instanceWithMetrics } from './members'

const NONE = createNoopMeter()

export const sharedMeterProvider: MeterProvider = {
  getMeter (name: string, version?: string, options?: MeterOptions): Meter {
    return instanceWithMetrics()?.metrics?.meterProvider().getMeter(name, version, options) ?? NONE
  }
}
