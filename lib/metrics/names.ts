/** Names that Azure and the exporter use for metrics and their dimensions. */
import type { Attributes } from '@opentelemetry/api'

/** Creates the dimensions that all standard metrics share. */
export type StandardDimensions = (metricId: string, more?: Attributes) => Attributes

export function standardDimensions (role: string, instance: string): StandardDimensions {
  return (metricId, more) => ({ '_MS.MetricId': metricId, '_MS.IsAutocollected': 'True', 'cloud/roleName': role, 'cloud/roleInstance': instance, ...more })
}

export function toAzureBoolean (value: boolean): string {
  return value ? 'True' : 'False'
}
