/**
 * What steers a row and is no data of it: its sample rate, and that a metric has counted it. Such marks travel under symbols
 * beside the attributes, and at places of their own in a batch: whatever an app names a field, it cannot be one of them.
 */

const kSampleRate = Symbol('fastify-app-insights.sampleRate')
const kProcessed = Symbol('fastify-app-insights.processed')

interface Marked {
  [kSampleRate]?: number
  [kProcessed]?: string
}

/** @param rate in percent; undefined where the row stands for itself alone */
export function markSampleRate (attributes: object | undefined, rate: number | undefined): void {
  const marked = attributes as Marked | undefined
  if (marked === undefined) return
  if (rate !== undefined || marked[kSampleRate] !== undefined) marked[kSampleRate] = rate
}

/** In percent. */
export function sampleRateOf (attributes: object | undefined): number | undefined {
  return (attributes as Marked | undefined)?.[kSampleRate]
}

// How Azure names the metrics that have counted a row already.
export const PROCESSED_REQUEST = "(Name:'Requests', Ver:'1.1')"
export const PROCESSED_DEPENDENCY = "(Name:'Dependencies', Ver:'1.1')"
export const PROCESSED_EXCEPTION = "(Name:'Exceptions', Ver:'1.1')"

/** @param by one of the above */
export function markProcessed (attributes: object | undefined, by: string): void {
  if (attributes !== undefined) (attributes as Marked)[kProcessed] = by
}

export function processedBy (attributes: object): string | undefined {
  return (attributes as Marked)[kProcessed]
}

/** Of a span that records; any other has none. */
export function attributesOf (span: object): object | undefined {
  return (span as { attributes?: object }).attributes
}
