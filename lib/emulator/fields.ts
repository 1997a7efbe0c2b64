/** A field from the wire, of any type → text, number, boolean, time or duration. Also runs in the page. */

const SEVERITIES = ['verbose', 'information', 'warning', 'error', 'critical']

/** `d.hh:mm:ss.fffffff` or a number of milliseconds → milliseconds. */
export function milliseconds (span: unknown): number | undefined {
  if (typeof span === 'number') return Number.isFinite(span) ? span : undefined
  const match = typeof span === 'string' ? /^(-)?(?:(\d{1,8})\.)?(\d{1,8}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?$/.exec(span) : null
  if (match === null) return undefined
  const [, minus, days = '0', hours, minutes, seconds, fraction = ''] = match
  const whole = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
  // One division of whole ticks (100 ns): 00:00:01.0012000 is 1001.2, not 1001.1999999.
  const ticks = whole * 1e7 + Number(fraction.padEnd(7, '0').slice(0, 7))
  return (minus ? -ticks : ticks) / 1e4
}

/** A time as text → milliseconds since 1970. Without a zone it is UTC, as in Azure, whatever the zone of this machine. */
export function instant (time: string): number {
  return Date.parse(/\d[T ]\d[\d:.]*$/.test(time) ? `${time}Z` : time)
}

export function severity (level: unknown): number | undefined {
  if (typeof level === 'number' && level >= 0 && level <= 4) return level
  if (typeof level !== 'string') return undefined
  const index = /^[0-4]$/.test(level) ? Number(level) : SEVERITIES.indexOf(level.toLowerCase())
  return index < 0 ? undefined : index
}

export function text (value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export function number (value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** A number, or a string of digits. */
export function numeric (value: unknown): number | undefined {
  return number(typeof value === 'string' && value !== '' ? Number(value) : value)
}

export function truth (value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  return typeof value === 'string' ? value.toLowerCase() === 'true' : undefined
}

export function strings (from: unknown): Record<string, string> {
  if (!isObject(from)) return {}
  // fromEntries defines own properties: a dimension called __proto__ stays a dimension.
  return Object.fromEntries(Object.entries(from).flatMap(([key, value]) => {
    const string = text(value)
    return string === undefined ? [] : [[key, string]]
  }))
}

export function numbers (from: unknown): Record<string, number> {
  if (!isObject(from)) return {}
  return Object.fromEntries(Object.entries(from).flatMap(([key, value]) => {
    const given = numeric(value)
    return given === undefined ? [] : [[key, given]]
  }))
}

export function present<T extends object> (columns: T): T {
  for (const key of Object.keys(columns) as Array<keyof T>) if (columns[key] === undefined) delete columns[key]
  return columns
}

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
