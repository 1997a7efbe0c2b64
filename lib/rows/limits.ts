/**
 * What Azure's tables take: a row that holds more, or lacks what is required, is refused as a whole, and lost.
 *
 * Lengths are in characters, as the endpoint's own messages count ("is too long. Expected: 1024 characters, Actual: 1169").
 * Where the public contracts and later documentation differ, this is the smaller number.
 * @see https://github.com/microsoft/ApplicationInsights-Home/tree/master/EndpointSpecs/Schemas/Docs
 * @see https://github.com/microsoft/ApplicationInsights-Java/issues/1180 (session), ApplicationInsights-JS/issues/1107 (operation name)
 */

/** Of one row, as JSON, in bytes of UTF-8: "Telemetry item length must not exceed 65536". */
export const ROW_BYTES = 65_536

/** Properties: names in characters, values in bytes of UTF-8, which is the stricter reading of 8,192. */
export const PROPERTY_NAME = 150
export const PROPERTY_BYTES = 8_192
/** Fields of a log line that become properties. */
export const PROPERTIES = 100

/**
 * What a model was asked and has answered, in bytes. Azure's exporters send as much of these alone, and such rows arrive: they do
 * not count for the size of the row. Azure stores the first 64 KB of all properties together, so these come last.
 * @see https://github.com/Azure/azure-sdk-for-js/pull/37950
 * @see https://github.com/Azure/azure-sdk-for-python/issues/47345
 */
export const LARGE_PROPERTY_BYTES = 262_144
export const LARGE_PROPERTIES: ReadonlySet<string> = new Set([
  'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.system_instructions', 'gen_ai.tool.definitions',
  'gen_ai.tool.call.arguments', 'gen_ai.tool.call.result', 'gen_ai.evaluation.explanation'
])

export const MESSAGE = 32_768
export const STACK = 32_768
export const TYPE_NAME = 1_024
export const METRIC_NAME = 1_024
/** Of a request, an operation, a dependency. */
export const NAME = 1_024
export const EVENT_NAME = 512
export const URL = 2_048

/** A thousand days, in milliseconds: a duration must be shorter. */
export const DURATION = 1_000 * 86_400_000

export interface TableLimits {
  /** Longest texts. */
  readonly longest: Readonly<Record<string, number>>
  /** Must not be blank; what stands there where it is. */
  readonly required: Readonly<Record<string, string>>
}

/** By `baseType`. */
export const TABLES: Readonly<Record<string, TableLimits>> = Object.freeze({
  RequestData: {
    longest: { id: 512, name: NAME, url: URL, responseCode: 1_024, source: 1_024 },
    required: { id: '0', responseCode: '0' }
  },
  RemoteDependencyData: {
    longest: { id: 512, name: NAME, data: 8_192, target: 1_024, type: 1_024, resultCode: 1_024 },
    required: { name: '(no name)' }
  },
  MessageData: { longest: { message: MESSAGE }, required: { message: '(no message)' } },
  ExceptionData: { longest: { problemId: 1_024 }, required: {} },
  EventData: { longest: { name: EVENT_NAME }, required: { name: '(no name)' } },
  MetricData: { longest: {}, required: {} },
  PageViewData: { longest: { id: 128, name: 512, url: URL, referrerUri: URL }, required: {} },
  AvailabilityData: { longest: { id: 64, name: 1_024, runLocation: 1_024, message: 8_192 }, required: { id: '0', name: '(no name)' } }
})

export const TAGS: Readonly<Record<string, number>> = Object.freeze({
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
  'ai.operation.name': NAME,
  'ai.operation.parentId': 128,
  'ai.operation.syntheticSource': 1_024,
  'ai.session.id': 64,
  'ai.session.isFirst': 5,
  'ai.user.accountId': 1_024,
  'ai.user.authUserId': 1_024,
  'ai.user.id': 128,
  'ai.user.userAgent': 2_048
})

/** What a property may hold, in bytes. */
export function propertyBytes (name: string): number {
  return LARGE_PROPERTIES.has(name) ? LARGE_PROPERTY_BYTES : PROPERTY_BYTES
}
