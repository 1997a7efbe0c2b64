/** What OpenTelemetry's SDK does for those who ask for it. Apart, because it takes 10 to 20 ms to load. */
import type { TracerProvider } from '@opentelemetry/api'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { LogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import type * as SdkLogs from '@opentelemetry/sdk-logs'
import { BasicTracerProvider, type Sampler, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { Role } from './resource'

export interface Sdk {
  readonly resource: Resource
  readonly tracerProvider: TracerProvider
  createLoggerProvider: (processors: LogRecordProcessor[]) => LoggerProvider
}

// Above what a row may hold, so that no limit of the SDK's own drops a field in silence.
const LIMITS = { attributeCountLimit: 512 }

export function createSdk ({ attributes }: Role, sampler: Sampler, spanProcessors: SpanProcessor[]): Sdk {
  const resource = resourceFromAttributes(attributes)
  return {
    resource,
    tracerProvider: new BasicTracerProvider({ resource, sampler, spanLimits: LIMITS, spanProcessors }),
    createLoggerProvider (processors) {
      const { LoggerProvider } = require('@opentelemetry/sdk-logs') as typeof SdkLogs
      return new LoggerProvider({ resource, logRecordLimits: LIMITS, processors })
    }
  }
}
