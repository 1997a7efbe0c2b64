/** Attributes that become a column, or steer how a row is made, and are no custom dimension of it. */

/** Of every row of an operation. */
export const OPERATION_NAME = 'ai.operation.name'

/** Of a record, which the exporter has no place for them: its sample rate in percent, and the mark of a row that a metric has counted. */
export const RECORD_RATE = 'fai.sample_rate'
export const RECORD_PROCESSED = 'fai.processed'
/** Of a span: from it the exporter takes a row's sampleRate, in percent (itemCount = 100 / rate). */
export const SAMPLE_RATE = 'microsoft.sample_rate'
/** The rate of a span that other destinations get, and Azure does not. */
export const NOT_FOR_AZURE = 0
