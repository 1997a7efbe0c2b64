/** Log record → whether its row is an exception. */
import type { Attributes } from '@opentelemetry/api'

/** The exporter's rule. The type may be missing, for example if the error's class has no name. */
export function isException (attributes: Attributes): boolean {
  return attributes['exception.type'] !== undefined || attributes['exception.message'] !== undefined || attributes['exception.stacktrace'] !== undefined
}
