/** Envelope → what Azure would do to it that its sender may not expect. Also runs in the page. */
import { instant, isObject, numeric } from './fields'
import { ALL_DIMENSIONS, DIMENSION, DIMENSION_NAME, LARGE_DIMENSION, isLargeDimension } from './limits'
import { kindOf, type Envelope } from './rows'
import { bytesOf, refusal } from './validation'

/** rejected: never arrives. truncated: text is cut. sampled: stands for several rows. unjoined: no view can place it. */
export type Verdict = 'rejected' | 'truncated' | 'sampled' | 'unjoined'

export interface Finding {
  verdict: Verdict
  reason: string
}

/** A telemetry item that was rejected. */
export interface RefusedItem {
  /** Milliseconds since 1970. */
  at: number
  statusCode: number
  message: string
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const PAST = 48 * 3_600_000
const FUTURE = 2 * 3_600_000
// Log lines are excluded, as they may have no operation: `Server listening` comes before any request.
const OF_AN_OPERATION = new Set(['request', 'dependency', 'exception'])

/**
 * @param size size of the item's JSON, in bytes
 * @param received the time to compare the item's own time with, in milliseconds since 1970
 */
export function findings (envelope: Envelope, size: number, received: number): Finding[] {
  const found: Finding[] = []
  const say = (verdict: Verdict, reason: string) => { found.push({ verdict, reason }) }
  const kind = kindOf(envelope.data?.baseType)
  const base = envelope.data?.baseData ?? {}
  const tags = isObject(envelope.tags) ? envelope.tags : {}

  if (!UUID.test(String(envelope.iKey))) say('rejected', 'the instrumentation key is not a valid UUID')
  // Only a lenient emulator, or one that loaded an earlier one's rows, keeps such a row.
  const refused = kind === undefined ? undefined : refusal(envelope, size)
  if (refused !== undefined) say('rejected', refused)
  const time = instant(String(envelope.time))
  if (time < received - PAST) say('rejected', 'its time is more than 48 hours in the past')
  if (time > received + FUTURE) say('rejected', 'its time is more than 2 hours in the future')
  dimensionFindings(base.properties, say)
  if (Array.isArray(base.metrics) && base.metrics.length > 1) say('rejected', 'only the first metric of an item is kept')
  const rate = numeric(envelope.sampleRate)
  if (rate !== undefined && rate > 0 && rate < 100) say('sampled', 'the row stands for more than one: its itemCount is over 1')
  if (!tags['ai.operation.id'] && OF_AN_OPERATION.has(kind ?? '')) say('unjoined', 'without an operation id it is not part of any end-to-end view')
  if (!tags['ai.cloud.role'] && kind === 'request') say('unjoined', 'without a cloud role name the application map cannot place it')
  return found
}

function dimensionFindings (properties: unknown, say: (verdict: Verdict, reason: string) => void): void {
  if (!isObject(properties)) return
  let all = 0
  for (const [name, value] of Object.entries(properties)) {
    if (name.length > DIMENSION_NAME) say('truncated', `the name of a custom dimension is longer than ${DIMENSION_NAME} characters`)
    if (typeof value !== 'string') continue
    const longest = isLargeDimension(name) ? LARGE_DIMENSION : DIMENSION
    if (value.length > longest) say('truncated', `the custom dimension ${name.slice(0, 40)} is longer than ${longest.toLocaleString('en')} characters`)
    if (isLargeDimension(name)) all += bytesOf(value)
  }
  if (all > ALL_DIMENSIONS) say('truncated', 'the custom dimensions are longer than 64 KB together: what comes last is cut')
}
