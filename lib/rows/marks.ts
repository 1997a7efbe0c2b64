/**
 * What controls a row but isn't part of its data: its sample rate, and whether a metric has counted it. These marks travel under
 * symbols beside the attributes, and in separate places in a batch, so the name of an app's field can't clash with them.
 */

const kSampleRate = Symbol('fastify-app-insights.sampleRate')
const kProcessed = Symbol('fastify-app-insights.processed')

interface Marked {
  [kSampleRate]?: number
  [kProcessed]?: string
}

/** @param rate in percent; undefined if the row represents only itself */
export function markSampleRate (attributes: object | undefined, rate: number | undefined): void {
  const marked = attributes as Marked | undefined
  if (marked === undefined) return
  if (rate !== undefined || marked[kSampleRate] !== undefined) marked[kSampleRate] = rate
}

/** @returns the rate in percent */
export function sampleRateOf (attributes: object | undefined): number | undefined {
  return (attributes as Marked | undefined)?.[kSampleRate]
}

// Azure's notation for a metric that has already counted a row.
export const PROCESSED_REQUEST = "(Name:'Requests', Ver:'1.1')"
export const PROCESSED_DEPENDENCY = "(Name:'Dependencies', Ver:'1.1')"
export const PROCESSED_EXCEPTION = "(Name:'Exceptions', Ver:'1.1')"

/** @param by one of the constants above */
export function markProcessed (attributes: object | undefined, by: string): void {
  if (attributes !== undefined) (attributes as Marked)[kProcessed] = by
}

export function processedBy (attributes: object): string | undefined {
  return (attributes as Marked)[kProcessed]
}

/** Only a recording span has attributes. */
export function attributesOf (span: object): object | undefined {
  return (span as { attributes?: object }).attributes
}
