/** Envelope → what Azure would do to it that its sender may not expect. Also runs in the page. */
import type { Envelope } from './rows'

/** rejected: it never arrives. truncated: text is cut. sampled: it stands for several. unjoined: no view can place it. */
export type Verdict = 'rejected' | 'truncated' | 'sampled' | 'unjoined'

export interface Finding {
  verdict: Verdict
  reason: string
}

/** A telemetry item that was refused, for the page's Health. */
export interface RefusedItem {
  at: number
  statusCode: number
  message: string
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const MAX_ITEM = 65_536
const MAX_KEY = 150
const MAX_VALUE = 8_192
const PAST = 48 * 3_600_000
const FUTURE = 2 * 3_600_000

/**
 * Longest texts, in characters.
 * @see https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
 */
const FIELDS: Record<string, Record<string, number>> = {
  requestdata: { id: 512, name: 1_024, url: 2_048, responseCode: 1_024, source: 1_024 },
  remotedependencydata: { id: 512, name: 1_024, data: 8_192, target: 1_024, type: 1_024, resultCode: 1_024 },
  messagedata: { message: 32_768 },
  exceptiondata: { problemId: 1_024 },
  eventdata: { name: 512 },
  pageviewdata: { name: 1_024, url: 2_048, id: 512 },
  availabilitydata: { name: 1_024, runLocation: 1_024, message: 8_192 }
}
const TAGS: Record<string, number> = {
  'ai.operation.id': 128,
  'ai.operation.parentId': 512,
  'ai.operation.name': 1_024,
  'ai.cloud.role': 256,
  'ai.cloud.roleInstance': 256,
  'ai.user.id': 128,
  'ai.user.authUserId': 1_024,
  'ai.user.accountId': 1_024,
  'ai.session.id': 64,
  'ai.application.ver': 1_024,
  'ai.location.ip': 46
}

/** `received` is the time to judge the item's own time by, in milliseconds since 1970. */
export function findings (envelope: Envelope, size: number, received: number): Finding[] {
  const found: Finding[] = []
  const say = (verdict: Verdict, reason: string) => { found.push({ verdict, reason }) }
  const tooLong = (value: unknown, limit: number, what: string) => {
    if (typeof value === 'string' && value.length > limit) say('truncated', `${what} is longer than ${limit.toLocaleString('en')} characters`)
  }
  const { data, tags = {} } = envelope
  const base = data?.baseData ?? {}
  const kind = String(data?.baseType).toLowerCase()

  if (!UUID.test(String(envelope.iKey))) say('rejected', 'the instrumentation key is no UUID')
  if (size > MAX_ITEM) say('rejected', 'the item is larger than 64 KB')
  const time = Date.parse(String(envelope.time))
  if (time < received - PAST) say('rejected', 'its time is more than 48 hours in the past')
  if (time > received + FUTURE) say('rejected', 'its time is more than 2 hours in the future')

  for (const [field, limit] of Object.entries(FIELDS[kind] ?? {})) tooLong(base[field], limit, field)
  for (const [tag, limit] of Object.entries(TAGS)) tooLong(tags?.[tag], limit, tag)
  for (const [key, value] of Object.entries(base.properties ?? {})) {
    if (key.length > MAX_KEY) say('truncated', `the name of a custom dimension is longer than ${MAX_KEY} characters`)
    tooLong(value, MAX_VALUE, `the custom dimension ${key.slice(0, 40)}`)
  }
  for (const detail of Array.isArray(base.exceptions) ? base.exceptions : []) {
    tooLong(detail?.message, 32_768, 'the message of an exception')
    tooLong(detail?.stack, 32_768, 'the stack of an exception')
  }
  if (Array.isArray(base.metrics) && base.metrics.length > 1) say('rejected', 'only the first metric of an item is kept')
  if (Number(envelope.sampleRate) > 0 && Number(envelope.sampleRate) < 100) say('sampled', 'the row stands for more than one: its itemCount is over 1')
  if (!tags?.['ai.operation.id'] && ['requestdata', 'remotedependencydata', 'exceptiondata', 'messagedata'].includes(kind)) {
    say('unjoined', 'without an operation id it is not part of any end-to-end view')
  }
  if (!tags?.['ai.cloud.role'] && kind === 'requestdata') say('unjoined', 'without a cloud role name the application map cannot place it')
  return found
}
