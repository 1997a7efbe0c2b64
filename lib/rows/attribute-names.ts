/** Attributes that become a column, or steer how a row is made, and are no custom dimension of it. */

/** Of every row of an operation. */
export const OPERATION_NAME = 'ai.operation.name'

/** From which the exporter takes a row's sampleRate, in percent (itemCount = 100 / rate). */
export const SAMPLE_RATE = 'microsoft.sample_rate'

/** Stops Azure from counting a row that one of our metrics has counted. */
export const PROCESSED = '_MS.ProcessedByMetricExtractors'

/** What an SDK for the older API puts before a record whose body is the row. */
export const BASE_TYPE = '_MS.baseType'

/** The rate of a span that other destinations get, and Azure does not. */
export const NOT_FOR_AZURE = 0
