/**
 * Limits of Azure's tables. If a field is too long, or a required one is missing, Azure refuses the whole row, and it is lost.
 *
 * Lengths are in characters, as in the endpoint's own messages ("is too long. Expected: 1024 characters, Actual: 1169").
 * If the public contracts and later documentation differ, we use the smaller number.
 * @see https://github.com/microsoft/ApplicationInsights-Home/tree/master/EndpointSpecs/Schemas/Docs
 * @see https://github.com/microsoft/ApplicationInsights-Java/issues/1180 (session), ApplicationInsights-JS/issues/1107 (operation name)
 */

/** Size of one row as JSON, in bytes of UTF-8: "Telemetry item length must not exceed 65536". */
export const ROW_BYTES = 65_536

/** Names of properties in characters, values in bytes of UTF-8, which is the stricter way to read 8,192. */
export const PROPERTY_NAME = 150
export const PROPERTY_BYTES = 8_192
/** Maximum number of a log line's fields that become properties. */
export const PROPERTIES = 100

/**
 * Prompts and answers of language models, in bytes. Azure's exporters allow this size only for these properties, and such rows
 * arrive, so they don't count toward the row's size. Azure stores the first 64 KB of all properties together, so these come last.
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
/** For names of requests, operations and dependencies. */
export const NAME = 1_024
export const EVENT_NAME = 512
export const URL = 2_048

/** 1,000 days, in milliseconds. A duration must be shorter. */
export const DURATION = 1_000 * 86_400_000

export interface TableLimits {
  /** Maximum length of each text. */
  readonly longest: Readonly<Record<string, number>>
  /** Fields that must not be blank, and the text that replaces a blank one. */
  readonly required: Readonly<Record<string, string>>
}

/** Keyed by `baseType`. */
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

/** Maximum size of a property's value, in bytes. */
export function propertyBytes (name: string): number {
  return LARGE_PROPERTIES.has(name) ? LARGE_PROPERTY_BYTES : PROPERTY_BYTES
}
