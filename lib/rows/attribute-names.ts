/** Names of attributes that become a column or control how a row is made, instead of becoming custom dimensions. */

/** Every row of an operation has it. */
export const OPERATION_NAME = 'ai.operation.name'

/** The exporter takes a row's sampleRate from it, in percent (itemCount = 100 / rate). */
export const SAMPLE_RATE = 'microsoft.sample_rate'

/** Stops Azure from counting a row that one of our metrics has already counted. */
export const PROCESSED = '_MS.ProcessedByMetricExtractors'

/** SDKs for the older API set it on a record whose body is the whole row. */
export const BASE_TYPE = '_MS.baseType'

/** The sample rate of a span that goes to other destinations but not to Azure. */
export const NOT_FOR_AZURE = 0
