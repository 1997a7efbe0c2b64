/** A name and a value → a custom dimension: a name the exporter keeps, a readable value, Azure's limits. */

import { cutBytes } from './cut'
import { MESSAGE, PROPERTIES, PROPERTY_BYTES, PROPERTY_NAME, STACK } from './limits'

export { cut } from './cut'

/** In characters, but for `property`, which is in bytes of UTF-8. */
export const LIMITS = Object.freeze({ propertyName: PROPERTY_NAME, property: PROPERTY_BYTES, message: MESSAGE, stack: STACK, properties: PROPERTIES })

/** Names that the exporter drops or moves to another column. */
const SWALLOWED = /^(?:microsoft|_MS\.|ai\.operation\.name$|client\.(?:address|port)$|server\.(?:address|port)$|url\.(?:full|path|query|scheme)$|error\.type$|az\.namespace$|network\.(?:local\.address|local\.port|peer\.address|peer\.port|protocol\.name|protocol\.version|transport)$|user_agent\.(?:original|synthetic\.type)$|http\.(?:request\.method|response\.status_code|user_agent|method|url|status_code|status_text|route|host|scheme|target|flavor|client_ip)$|exception\.(?:type|message|stacktrace)$|enduser\.(?:id|pseudo\.id)$|session\.id$|net\.(?:peer|host)\.(?:ip|name|port)$|net\.transport$|peer\.service$|db\.(?:system|statement|operation|name|system\.name|namespace|query\.text|operation\.name)$|rpc\.(?:system|grpc\.status_code)$|__proto__$)/

// The names of an app are few; a client's that are not must not fill the memory.
const MAX_NAMES = 2_000
const names = new Map<string, string>()

/** The name under which a field arrives: its own, or with a prefix where the exporter would swallow it. */
export function propertyName (name: string): string {
  let safe = names.get(name)
  if (safe !== undefined) return safe
  safe = name === '' ? '_' : SWALLOWED.test(name) ? `field.${name}` : name
  safe = safe.slice(0, LIMITS.propertyName).toWellFormed()
  if (names.size < MAX_NAMES && name.length <= LIMITS.propertyName) names.set(name, safe)
  return safe
}

/**
 * A value as customDimensions show it: strings as they are, numbers and booleans readable, the rest as JSON, which
 * KQL reads with `todynamic()`. Not flattened: the number of names stays what the app's author wrote.
 */
export function propertyValue (value: unknown, max: number = LIMITS.property): string {
  switch (typeof value) {
    case 'string': return cutBytes(value.toWellFormed(), max)
    case 'number': case 'boolean': case 'bigint': return String(value)
    default: return cutBytes(asJson(value).toWellFormed(), max)
  }
}

function asJson (value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    // Cyclic, a throwing getter or toJSON: the caller's object, not the caller's problem.
    return Object.prototype.toString.call(value)
  }
}
