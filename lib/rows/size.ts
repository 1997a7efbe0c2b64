/** An envelope whose JSON is too long → one that fits. The longest texts are cut first; ids, names and types stay unchanged. */
import { cutJson, jsonBytes } from './cut'
import { LARGE_PROPERTIES, ROW_BYTES } from './limits'

interface Envelope {
  data?: { baseData?: Record<string, unknown> }
}

/** A text that may be cut, and where to find it. */
interface Place {
  readonly holder: Record<string, unknown>
  readonly name: string
  /** In bytes, as JSON. */
  readonly size: number
}

/** Fields that may be cut. The others are ids, names and types. */
const FIELDS = ['message', 'data', 'url', 'referrerUri']
const DETAILS = ['message', 'stack']
/** In bytes of JSON. No text is cut shorter: if there are thousands of short texts, some are left out instead. */
const SHORTEST = 64

/** @returns its JSON; undefined if it can't be made to fit */
export function fitSize (envelope: Envelope): string | undefined {
  const text = JSON.stringify(envelope)
  // No character takes more than three bytes, so most rows needn't be measured.
  if (3 * text.length <= ROW_BYTES) return text
  const excess = bytesThatCount(text, envelope) - ROW_BYTES
  if (excess <= 0) return text
  cutLongest(placesOf(envelope.data?.baseData ?? {}), excess)
  return fitting(envelope) ?? withoutLast(envelope)
}

function fitting (envelope: Envelope): string | undefined {
  const text = JSON.stringify(envelope)
  return bytesThatCount(text, envelope) <= ROW_BYTES ? text : undefined
}

/** Properties that may be large don't count. */
function bytesThatCount (text: string, { data }: Envelope): number {
  let bytes = Buffer.byteLength(text)
  const { properties } = data?.baseData ?? {}
  if (isObject(properties)) {
    for (const name of LARGE_PROPERTIES) if (typeof properties[name] === 'string') bytes -= jsonBytes(properties[name])
  }
  return bytes
}

function placesOf (base: Record<string, unknown>): Place[] {
  const places: Place[] = []
  const add = (holder: Record<string, unknown>, name: string): void => {
    const value = holder[name]
    if (typeof value === 'string') places.push({ holder, name, size: jsonBytes(value) })
  }
  for (const field of FIELDS) add(base, field)
  for (const detail of Array.isArray(base.exceptions) ? base.exceptions.filter(isObject) : []) for (const field of DETAILS) add(detail, field)
  const { properties } = base
  if (isObject(properties)) for (const name of Object.keys(properties)) if (!LARGE_PROPERTIES.has(name)) add(properties, name)
  return places
}

/** Cuts the longest texts to one common length, so that all of them fit together. */
function cutLongest (places: Place[], excess: number): void {
  places.sort((a, b) => b.size - a.size)
  let sum = 0
  for (let count = 1; count <= places.length; count++) {
    sum += places[count - 1]!.size
    const longest = Math.max(SHORTEST, Math.floor((sum - excess) / count))
    if (count < places.length && longest < places[count]!.size) continue
    for (const { holder, name, size } of places.slice(0, count)) if (size > longest) holder[name] = cutJson(holder[name] as string, longest)
    return
  }
}

/** If many short parts are too long together, drops the last ones and notes how many. */
function withoutLast (envelope: Envelope): string | undefined {
  const base = envelope.data?.baseData
  if (base === undefined) return undefined
  const length = (part: string): number => JSON.stringify(base[part] ?? null).length
  for (const part of ['measurements', 'properties'].sort((a, b) => length(b) - length(a))) {
    const held = base[part]
    if (!isObject(held)) continue
    const names = Object.keys(held).filter(name => !isAlwaysKept(name))
    const kept = Object.keys(held).filter(isAlwaysKept)
    const before = droppedBefore(base, part)
    for (let left = names.length; left >= 0; left = left === 0 ? -1 : Math.floor(left / 2)) {
      base[part] = Object.fromEntries([...names.slice(0, left), ...kept].map(name => [name, held[name]]))
      if (left < names.length) noteDropped(base, part, before + names.length - left)
      const text = fitting(envelope)
      if (text !== undefined) return text
    }
  }
  if (Array.isArray(base.exceptions)) base.exceptions = base.exceptions.slice(0, 1).map(detail => ({ ...detail as object, parsedStack: undefined }))
  return fitting(envelope)
}

const NOTES: Record<string, string> = { properties: 'droppedFields', measurements: 'droppedMeasurements' }

/** The notes are properties themselves. */
function isAlwaysKept (name: string): boolean {
  return LARGE_PROPERTIES.has(name) || Object.values(NOTES).includes(name)
}

/** What was left out where the row was made. */
function droppedBefore ({ properties }: Record<string, unknown>, part: string): number {
  return isObject(properties) ? Number(properties[NOTES[part]!]) || 0 : 0
}

function noteDropped (base: Record<string, unknown>, part: string, count: number): void {
  const properties = isObject(base.properties) ? base.properties : base.properties = {}
  ;(properties as Record<string, unknown>)[NOTES[part]!] = String(count)
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
