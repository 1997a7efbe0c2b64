/** A name and a value → a custom dimension: a name the exporter keeps, a readable value, Azure's limits. */

/**
 * Azure's limits for what a row may hold, in characters, but for `property`, which is in bytes of UTF-8.
 * @see https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
 */
export const LIMITS = Object.freeze({ propertyName: 150, property: 8_192, message: 32_768, stack: 32_768, properties: 100 })

const CUT = '… [cut]'

/** Names that the exporter drops or moves to another column. */
const SWALLOWED = /^(?:microsoft|_MS\.|ai\.operation\.name$|client\.(?:address|port)$|server\.(?:address|port)$|url\.(?:full|path|query|scheme)$|error\.type$|network\.(?:local\.address|local\.port|peer\.address|peer\.port|protocol\.name|protocol\.version|transport)$|user_agent\.(?:original|synthetic\.type)$|http\.(?:request\.method|response\.status_code|user_agent|method|url|status_code|status_text|route|host|scheme|target|flavor|client_ip)$|exception\.(?:type|message|stacktrace)$|enduser\.(?:id|pseudo\.id)$|session\.id$|net\.(?:peer|host)\.(?:ip|name|port)$|net\.transport$|peer\.service$|db\.(?:system|statement|operation|name|system\.name|namespace|query\.text|operation\.name)$|rpc\.(?:system|grpc\.status_code)$|__proto__$)/

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

/** Names and values as a row takes them. */
export function propertiesOf (fields: object): Record<string, string> {
  const properties: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) properties[propertyName(name)] = propertyValue(value)
  return properties
}

/** `text` within `max` characters, marked where it was cut. */
export function cut (text: string, max: number): string {
  if (text.length <= max) return text.toWellFormed()
  return text.slice(0, max - CUT.length).toWellFormed() + CUT
}

function cutBytes (text: string, max: number): string {
  // No character of UTF-16 takes more than three bytes, so most values need no count.
  if (text.length * 3 <= max) return text
  // Of a megabyte, no more is looked at than may be sent.
  const bytes = Buffer.from(text.length > max ? text.slice(0, max + 1) : text)
  if (bytes.length <= max) return text
  let end = max - Buffer.byteLength(CUT)
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + CUT
}

function asJson (value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    // Cyclic, a throwing getter or toJSON: the caller's object, not the caller's problem.
    return Object.prototype.toString.call(value)
  }
}
