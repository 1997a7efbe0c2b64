/** A name and a value → a custom dimension: a name that the exporter keeps and a readable value, within Azure's limits. */

import type { Attributes } from '@opentelemetry/api'
import { cutBytes } from './cut'
import { stringifyExactly } from './exact-json'
import { define, readProperty } from './hostile'
import { MESSAGE, PROPERTIES, PROPERTY_BYTES, PROPERTY_NAME, STACK, propertyBytes } from './limits'
import { serialize } from './serialize'

export { cut } from './cut'

/** In characters, except `property`, which is in bytes of UTF-8, and `properties`, which is a count. */
export const LIMITS = Object.freeze({ propertyName: PROPERTY_NAME, property: PROPERTY_BYTES, message: MESSAGE, stack: STACK, properties: PROPERTIES })

/** Names that the exporter drops or moves to another column. */
const SWALLOWED = /^(?:microsoft|_MS\.|ai\.operation\.name$|client\.(?:address|port)$|server\.(?:address|port)$|url\.(?:full|path|query|scheme)$|error\.type$|az\.namespace$|network\.(?:local\.address|local\.port|peer\.address|peer\.port|protocol\.name|protocol\.version|transport)$|user_agent\.(?:original|synthetic\.type)$|http\.(?:request\.method|response\.status_code|user_agent|method|url|status_code|status_text|route|host|scheme|target|flavor|client_ip)$|exception\.(?:type|message|stacktrace)$|enduser\.(?:id|pseudo\.id)$|session\.id$|net\.(?:peer|host)\.(?:ip|name|port)$|net\.transport$|peer\.service$|db\.(?:system|statement|operation|name|system\.name|namespace|query\.text|operation\.name)$|rpc\.(?:system|grpc\.status_code)$|__proto__$)/

// An app has few names. A client may invent many, which must not fill the memory.
const MAX_NAMES = 2_000
const names = new Map<string, string>()

/** The name that a field has in Azure: its own, with a prefix if the exporter would swallow it. */
export function propertyName (name: string): string {
  let safe = names.get(name)
  if (safe !== undefined) return safe
  safe = name === '' ? '_' : SWALLOWED.test(name) ? `field.${name}` : name
  safe = safe.slice(0, LIMITS.propertyName).toWellFormed()
  if (names.size < MAX_NAMES && name.length <= LIMITS.propertyName) names.set(name, safe)
  return safe
}

/**
 * A value as customDimensions show it: strings unchanged, numbers and booleans as text, everything else as JSON, which
 * KQL reads with `todynamic()`. Objects aren't flattened, so the app's author decides how many names there are.
 */
export function propertyValue (value: unknown, max: number = LIMITS.property): string {
  switch (typeof value) {
    case 'string': return cutBytes(value.toWellFormed(), max)
    case 'number': case 'boolean': case 'bigint': case 'undefined': return String(value)
    case 'symbol': return cutBytes(String(value).toWellFormed(), max)
    default: return serializedValue(value, max)
  }
}

function serializedValue (value: unknown, max: number): string {
  const json = serialize(value, max)
  const text = asText(json)
  return cutBytes(text, max, json.length <= max)
}

/** Like `propertyValue`, for a value that was parsed from JSON. */
export function fieldValue (value: unknown, max: number = LIMITS.property): string {
  if (typeof value !== 'object' || value === null) return propertyValue(value, max)
  return cutBytes(asText(stringifyExactly(value)).toWellFormed(), max)
}

/** The app's properties as attributes. An unreadable one doesn't affect the others; `undefined` is left out. */
export function toAttributes (properties: unknown): Attributes {
  const attributes: Attributes = {}
  let count = 0
  let dropped = 0
  for (const name of namesOf(properties)) {
    let value: unknown
    try {
      value = (properties as Record<string, unknown>)[name]
      if (value === undefined) continue
    } catch {
      value = '[unreadable]'
    }
    if (++count > LIMITS.properties) dropped++
    else attributes[propertyName(name)] = propertyValue(value, propertyBytes(name))
  }
  if (dropped > 0) attributes.droppedFields = String(dropped)
  return attributes
}

/** A number that Azure accepts. @returns undefined for any other value */
export function toMeasurement (value: unknown): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

/** Adds the measurements that a row can hold, and how many it can't. */
export function addMeasurements (attributes: Attributes, measurements: unknown): void {
  const numbers: Record<string, number> = {}
  const names = namesOf(measurements)
  for (const name of names.slice(0, LIMITS.properties)) {
    const number = toMeasurement(readProperty(measurements, name))
    if (number !== undefined) define(numbers, name, number)
  }
  if (Object.keys(numbers).length > 0) attributes['microsoft.custom_measurements'] = JSON.stringify(numbers)
  if (names.length > LIMITS.properties) attributes.droppedMeasurements = String(names.length - LIMITS.properties)
}

function namesOf (properties: unknown): string[] {
  try {
    return typeof properties === 'object' && properties !== null && !Array.isArray(properties) ? Object.keys(properties) : []
  } catch {
    return []
  }
}

/** Removes the quotes if the JSON is a single string. */
function asText (json: string): string {
  return json.startsWith('"') && json.endsWith('"') ? JSON.parse(json) as string : json
}
