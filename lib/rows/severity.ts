/** Severity numbers of rows. */
import type { SeverityNumber } from '@opentelemetry/api-logs'

/**
 * OpenTelemetry's scale. Its package has the same numbers and a whole logs API, so we don't load it for twenty numbers.
 * @see https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
 */
export const Severity = Object.freeze({ TRACE: 1, DEBUG: 5, INFO: 9, INFO2: 10, WARN: 13, ERROR: 17, FATAL: 21 }) satisfies Partial<typeof SeverityNumber>
