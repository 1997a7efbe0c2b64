/** What Azure and the exporter call things. */
import type { Attributes } from '@opentelemetry/api'

/** Makes the dimensions of a standard metric, which every one of them shares. */
export type StandardDimensions = (metricId: string, more?: Attributes) => Attributes

export function standardDimensions (role: string, instance: string): StandardDimensions {
  return (metricId, more) => ({ '_MS.MetricId': metricId, '_MS.IsAutocollected': 'True', 'cloud/roleName': role, 'cloud/roleInstance': instance, ...more })
}

export function toAzureBoolean (value: boolean): string {
  return value ? 'True' : 'False'
}
