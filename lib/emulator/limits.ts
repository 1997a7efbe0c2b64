/**
 * The limits of Azure's tables. Deliberately duplicated from the plugin's own limits, so that a mistake in either shows up
 * as a rejected row in a test.
 *
 * Lengths are in characters, as the endpoint counts them ("is too long. Expected: 1024 characters, Actual: 1169").
 * @see https://github.com/microsoft/ApplicationInsights-Home/tree/master/EndpointSpecs/Schemas/Docs
 * @see https://github.com/microsoft/ApplicationInsights-JS/issues/1107 (a tag), issues/930 (a dependency's name)
 */
import type { RowType } from './rows'

interface Contract {
  /** The name used in the endpoint's messages. */
  readonly type: string
  /** Must be present and not blank. */
  readonly required: readonly string[]
  /** Maximum text lengths. */
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

/** Both are required. @see https://github.com/microsoft/ApplicationInsights-Java/issues/4283 */
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

/** Limit for an item's JSON, in bytes: "Telemetry item length must not exceed 65536". */
export const ITEM = 65_536
/** Limit for one post, decompressed. */
export const POST = 10_000_000
/** A thousand days, in milliseconds: every duration must be shorter. */
export const DURATION = 1_000 * 86_400_000

/** For custom dimensions: longer ones are truncated, and the row is kept. */
export const DIMENSION_NAME = 150
export const DIMENSION = 8_192
/**
 * Model prompts and answers may be longer, and don't count toward the item's size.
 * @see https://github.com/Azure/azure-sdk-for-js/pull/37950
 */
export const LARGE_DIMENSION = 262_144
const LARGE_DIMENSIONS = new Set([
  'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.system_instructions', 'gen_ai.tool.definitions',
  'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result', 'gen_ai.evaluation.explanation'
])
/** Limit for all custom dimensions of a row together, as stored. @see https://github.com/Azure/azure-sdk-for-python/issues/47345 */
export const ALL_DIMENSIONS = 65_532

export function isLargeDimension (name: string): boolean {
  return LARGE_DIMENSIONS.has(name)
}

/** An IPv4 or IPv6 address without a port. */
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
  // At either end, `::` leaves a second empty part.
  const written = groups.filter(group => group !== '')
  if (!written.every(group => /^[0-9a-f]{1,4}$/i.test(group))) return false
  if (gap === -1) return groups.length === wanted && written.length === wanted
  return written.length < wanted && !/^:[^:]|[^:]:$/.test(text)
}

function isIpv4 (text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(part => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}
