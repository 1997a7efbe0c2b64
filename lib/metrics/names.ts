/** What Azure and the exporter call things. */
import type { Attributes } from '@opentelemetry/api'

/** Marks a row that a metric has already counted, so that Azure doesn't count it again. */
export const PROCESSED_REQUEST = "(Name:'Requests', Ver:'1.1')"
export const PROCESSED_DEPENDENCY = "(Name:'Dependencies', Ver:'1.1')"
export const PROCESSED_EXCEPTION = "(Name:'Exceptions', Ver:'1.1')"

/** Makes the dimensions of a standard metric, which every one of them shares. */
export type StandardDimensions = (metricId: string, more?: Attributes) => Attributes

export function standardDimensions (role: string, instance: string): StandardDimensions {
  return (metricId, more) => ({ '_MS.MetricId': metricId, '_MS.IsAutocollected': 'True', 'cloud/roleName': role, 'cloud/roleInstance': instance, ...more })
}

export function toAzureBoolean (value: boolean): string {
  return value ? 'True' : 'False'
}
