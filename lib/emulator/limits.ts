/**
 * What Azure's tables take. Written down a second time on purpose, apart from what the plugin cuts its rows to: a mistake
 * in one of the two shows as a refused row in a test.
 *
 * Lengths are in characters, as the endpoint counts them ("is too long. Expected: 1024 characters, Actual: 1169").
 * @see https://github.com/microsoft/ApplicationInsights-Home/tree/master/EndpointSpecs/Schemas/Docs
 * @see https://github.com/microsoft/ApplicationInsights-JS/issues/1107 (a tag), issues/930 (a dependency's name)
 */
import type { RowType } from './rows'

interface Contract {
  /** How the endpoint's messages name it. */
  readonly type: string
  /** Must be there, and not blank. */
  readonly required: readonly string[]
  /** Longest texts. */
  readonly longest: Readonly<Record<string, number>>
}

export const CONTRACTS: Readonly<Record<RowType, Contract>> = {
  request: {
    type: 'RequestData',
    required: ['id', 'responseCode'],
    longest: { id: 512, name: 1_024, url: 2_048, responseCode: 1_024, source: 1_024 }
  },
  dependency: {
    type: 'RemoteDependencyData',
    required: ['name'],
    longest: { id: 512, name: 1_024, data: 8_192, target: 1_024, type: 1_024, resultCode: 1_024 }
  },
  trace: { type: 'MessageData', required: ['message'], longest: { message: 32_768 } },
  exception: { type: 'ExceptionData', required: [], longest: { problemId: 1_024 } },
  event: { type: 'EventData', required: ['name'], longest: { name: 512 } },
  metric: { type: 'MetricData', required: [], longest: {} },
  performanceCounter: { type: 'PerformanceCounterData', required: [], longest: {} },
  pageView: { type: 'PageViewData', required: [], longest: { id: 512, name: 1_024, url: 2_048, referrerUri: 2_048 } },
  browserTiming: { type: 'PageViewPerfData', required: [], longest: { name: 1_024, url: 2_048 } },
  availability: { type: 'AvailabilityData', required: ['id', 'name'], longest: { id: 64, name: 1_024, runLocation: 1_024, message: 8_192 } }
}

/** Both must be there. @see https://github.com/microsoft/ApplicationInsights-Java/issues/4283 */
export const EXCEPTION_DETAILS: Readonly<Record<string, number>> = { typeName: 1_024, message: 32_768 }
export const STACK = 32_768
export const METRIC_NAME = 1_024

export const TAGS: Readonly<Record<string, number>> = {
  'ai.application.ver': 1_024,
  'ai.cloud.role': 256,
  'ai.cloud.roleInstance': 256,
  'ai.device.id': 1_024,
  'ai.device.locale': 64,
  'ai.device.model': 256,
  'ai.device.oemName': 256,
  'ai.device.osVersion': 256,
  'ai.device.type': 64,
  'ai.internal.agentVersion': 64,
  'ai.internal.nodeName': 256,
  'ai.internal.sdkVersion': 64,
  'ai.location.city': 256,
  'ai.location.country': 256,
  'ai.location.ip': 46,
  'ai.location.province': 256,
  'ai.operation.correlationVector': 64,
  'ai.operation.id': 128,
  'ai.operation.name': 1_024,
  'ai.operation.parentId': 512,
  'ai.operation.syntheticSource': 1_024,
  'ai.session.id': 64,
  'ai.session.isFirst': 5,
  'ai.user.accountId': 1_024,
  'ai.user.authUserId': 1_024,
  'ai.user.id': 128,
  'ai.user.userAgent': 2_048
}

/** Of the item's JSON, in bytes: "Telemetry item length must not exceed 65536". */
export const ITEM = 65_536
/** Of one post, unpacked. */
export const POST = 10_000_000
/** A thousand days, in milliseconds: no duration reaches them. */
export const DURATION = 1_000 * 86_400_000

/** Of custom dimensions: longer ones are cut, the row is kept. */
export const DIMENSION_NAME = 150
export const DIMENSION = 8_192
/**
 * What a model was asked and has answered may be longer, and does not count for the size of the item.
 * @see https://github.com/Azure/azure-sdk-for-js/pull/37950
 */
export const LARGE_DIMENSION = 262_144
const LARGE_DIMENSIONS = new Set([
  'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.system_instructions', 'gen_ai.tool.definitions',
  'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result', 'gen_ai.evaluation.explanation'
])
/** All custom dimensions of a row together, as they are stored. @see https://github.com/Azure/azure-sdk-for-python/issues/47345 */
export const ALL_DIMENSIONS = 65_532

export function isLargeDimension (name: string): boolean {
  return LARGE_DIMENSIONS.has(name)
}

/** An address of IPv4 or IPv6, without a port. */
export function isAddress (text: string): boolean {
  if (text.length > TAGS['ai.location.ip']) return false
  const parts = text.split(':')
  if (parts.length === 1) return isIpv4(text)
  const last = parts.at(-1)!
  const mapped = last.includes('.')
  if (mapped && !isIpv4(last)) return false
  const groups = mapped ? parts.slice(0, -1) : parts
  const wanted = mapped ? 6 : 8
  const gap = text.indexOf('::')
  if (gap !== -1 && text.includes('::', gap + 1)) return false
  // At either end, `::` leaves an empty part beyond the one in its middle.
  const written = groups.filter(group => group !== '')
  if (!written.every(group => /^[0-9a-f]{1,4}$/i.test(group))) return false
  if (gap === -1) return groups.length === wanted && written.length === wanted
  return written.length < wanted && !/^:[^:]|[^:]:$/.test(text)
}

function isIpv4 (text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(part => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}
