/** Processors and a sampler → one instance's OpenTelemetry providers, which create all its spans and records. */
import { getNumberFromEnv } from '@opentelemetry/core'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { type LogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { BasicTracerProvider, type Sampler, type SpanProcessor } from '@opentelemetry/sdk-trace-base'
import { pooledIds } from './ids'
import type { Role } from './resource'
import { attributeKeeper, quickenExports } from '../v8'

export interface Providers {
  readonly resource: Resource
  readonly tracerProvider: BasicTracerProvider
  readonly loggerProvider: LoggerProvider
}

export interface Limits {
  readonly count: number
  /** In characters. */
  readonly valueLength: number
}

// More than a row can hold, so that the SDK's default limit never drops a field silently.
const MOST_ATTRIBUTES = 512

/** From the environment: the limit for this signal, or else the general one, as in the SDK. */
export function limitsOf (signal: 'SPAN' | 'LOGRECORD'): Limits {
  return {
    count: getNumberFromEnv(`OTEL_${signal}_ATTRIBUTE_COUNT_LIMIT`) ?? getNumberFromEnv('OTEL_ATTRIBUTE_COUNT_LIMIT') ?? MOST_ATTRIBUTES,
    valueLength: getNumberFromEnv(`OTEL_${signal}_ATTRIBUTE_VALUE_LENGTH_LIMIT`) ?? getNumberFromEnv('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT') ?? Infinity
  }
}

export function createProviders ({ attributes }: Role, sampler: Sampler, spanProcessors: SpanProcessor[], logRecordProcessors: LogRecordProcessor[]): Providers {
  quickenExports()
  const resource = resourceFromAttributes(attributes)
  const [spans, records] = [limitsOf('SPAN'), limitsOf('LOGRECORD')]
  return {
    resource,
    // The SDK reads its other limits itself.
    tracerProvider: new BasicTracerProvider({
      resource,
      sampler,
      idGenerator: pooledIds,
      meterProvider: attributeKeeper(),
      spanLimits: { attributeCountLimit: spans.count, attributeValueLengthLimit: spans.valueLength },
      spanProcessors
    }),
    loggerProvider: new LoggerProvider({
      resource,
      logRecordLimits: { attributeCountLimit: records.count, attributeValueLengthLimit: records.valueLength },
      processors: logRecordProcessors
    })
  }
}
