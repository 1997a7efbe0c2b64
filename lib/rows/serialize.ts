/** Any value → JSON text, limited in depth, width and length. Unreadable parts are marked, and the rest still arrives. */
import { types } from 'node:util'
import { ExactNumber } from './exact-json'
import { constructorName, isArray, isError, isReference, readProperty, readText, textOf } from './hostile'

const MAX_DEPTH = 20
// Maximum number of values in one property. An object may have millions of undefined fields, which don't make the text longer.
const MAX_VALUES = 20_000
const MAX_CAUSES = 5
const UNREADABLE = '"[unreadable]"'
const UNREADABLE_ITEM = Symbol('unreadable')
const ERROR_FIELDS = new Set(['name', 'message', 'stack', 'code', 'cause', 'errors'])

/** @param max in characters; writing stops once the text is longer */
export function serialize (value: unknown, max: number): string {
  return new Writer(max).write(value)
}

class Writer {
  readonly #max: number
  readonly #ancestors: object[] = []
  #text = ''
  #values = 0

  constructor (max: number) {
    this.#max = max
  }

  write (value: unknown): string {
    this.#value(value)
    return this.#text
  }

  get #isFull (): boolean {
    return this.#text.length > this.#max || this.#values > MAX_VALUES
  }

  #value (value: unknown): void {
    this.#values++
    if (isReference(value)) {
      this.#reference(value)
      return
    }
    switch (typeof value) {
      case 'string': this.#text += quote(value, this.#max); break
      case 'number': this.#text += Number.isFinite(value) ? String(value) : 'null'; break
      case 'bigint': case 'boolean': this.#text += String(value); break
      case 'symbol': this.#text += quote(String(value), this.#max); break
      default: this.#text += 'null'
    }
  }

  #reference (value: object): void {
    if (this.#ancestors.includes(value)) {
      this.#text += '"[Circular]"'
      return
    }
    if (this.#ancestors.length >= MAX_DEPTH) {
      this.#text += isArray(value) ? '"[Array]"' : '"[Object]"'
      return
    }
    const start = this.#text.length
    this.#ancestors.push(value)
    try {
      this.#object(value)
    } catch {
      this.#text = this.#text.slice(0, start) + UNREADABLE
    } finally {
      this.#ancestors.pop()
    }
  }

  /** @throws whatever a hostile object throws */
  #object (value: object): void {
    if (typeof value === 'function') this.#text += quote(describeFunction(value), this.#max)
    else if (value instanceof ExactNumber) this.#text += value.text
    else if (types.isDate(value)) this.#text += quote(describeDate(value), this.#max)
    else if (types.isBoxedPrimitive(value)) this.#value(value.valueOf())
    else if (types.isMap(value)) this.#map(value)
    else if (types.isSet(value)) this.#list(Set.prototype.values.call(value))
    else if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) this.#bytes(value)
    else if (Array.isArray(value)) this.#array(value)
    else if (isError(value)) this.#error(value)
    else if (!this.#json(value)) this.#fields(value)
  }

  /** @returns false if `toJSON` is missing, throws, or returns the object itself */
  #json (value: object): boolean {
    const toJson = readProperty(value, 'toJSON')
    if (typeof toJson !== 'function') return false
    let json: unknown
    try {
      json = toJson.call(value, '')
    } catch {
      return false
    }
    if (json === value) return false
    // Like JSON.stringify, don't call toJSON on the result.
    if (isReference(json) && !isArray(json) && !types.isDate(json)) this.#fields(json)
    else this.#value(json)
    return true
  }

  #fields (value: object): void {
    const names = Object.keys(value)
    if (names.length === 0) {
      const text = ownText(value)
      if (text !== undefined) {
        this.#text += quote(text, this.#max)
        return
      }
    }
    this.#entries(names, name => (value as Record<string, unknown>)[name])
  }

  /** Leaves out `undefined` and functions, as JSON does. */
  #entries (names: Iterable<string>, read: (name: string) => unknown): void {
    this.#text += '{'
    let separator = ''
    for (const name of names) {
      if (this.#isFull) break
      this.#values++
      let value: unknown
      let isReadable = true
      try {
        value = read(name)
      } catch {
        isReadable = false
      }
      if (isReadable && (value === undefined || typeof value === 'function')) continue
      this.#text += `${separator}${quote(name, this.#max)}:`
      separator = ','
      if (isReadable) this.#value(value)
      else this.#text += UNREADABLE
    }
    this.#text += '}'
  }

  #array (value: unknown[]): void {
    this.#list(itemsOf(value))
  }

  #list (items: Iterable<unknown>): void {
    this.#text += '['
    let separator = ''
    for (const item of items) {
      if (this.#isFull) break
      this.#text += separator
      separator = ','
      if (item === UNREADABLE_ITEM) this.#text += UNREADABLE
      else if (typeof item === 'function') this.#text += 'null'
      else this.#value(item)
    }
    this.#text += ']'
  }

  #map (map: Map<unknown, unknown>): void {
    const names = new Map<string, unknown>()
    let hasOnlyNames = true
    for (const [key, value] of Map.prototype.entries.call(map)) {
      if (isReference(key)) {
        hasOnlyNames = false
        break
      }
      names.set(String(key), value)
      if (names.size > MAX_VALUES) break
    }
    if (hasOnlyNames) this.#entries(names.keys(), name => names.get(name))
    else this.#list(Map.prototype.entries.call(map))
  }

  /** Writes a Buffer as Node does, and any other binary data as an array of numbers. */
  #bytes (value: ArrayBufferView | ArrayBufferLike): void {
    const numbers = types.isTypedArray(value)
      ? value
      : ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value)
    if (!Buffer.isBuffer(value)) {
      this.#list(numbers as Iterable<unknown>)
      return
    }
    this.#text += '{"type":"Buffer","data":'
    this.#list(numbers as Iterable<unknown>)
    this.#text += '}'
  }

  /** Writes an error as pino does, but without the objects attached to it: a client's error may contain its whole request. */
  #error (error: object): void {
    const fields = new Map<string, unknown>([
      ['type', errorType(error)],
      ['message', readProperty(error, 'message')],
      ['code', readProperty(error, 'code')],
      ['stack', readText(error, 'stack')]
    ])
    for (const name of Object.keys(error)) {
      const value = ERROR_FIELDS.has(name) ? undefined : readProperty(error, name)
      if (value !== undefined && !isReference(value) && !fields.has(name)) fields.set(name, value)
    }
    const errors = readProperty(error, 'errors')
    if (isArray(errors)) fields.set('errors', errors)
    if (this.#ancestors.length <= MAX_CAUSES) fields.set('cause', readProperty(error, 'cause'))
    this.#entries(fields.keys(), name => fields.get(name))
  }
}

function * itemsOf (array: unknown[]): Generator {
  for (let at = 0; at < array.length; at++) {
    let item: unknown = UNREADABLE_ITEM
    try {
      item = array[at]
    } catch {}
    yield item
  }
}

/** The name that the error was given, or else the name of its class. */
export function errorType (error: object): string {
  const name = readText(error, 'name')
  // Some drivers set `error`, which says nothing.
  if (name !== undefined && name.trim() !== '' && name.toLowerCase() !== 'error') return name
  return constructorName(error) ?? 'Error'
}

export function describeFunction (value: object): string {
  const name = readText(value, 'name')
  return name === undefined || name === '' ? '[Function]' : `[Function: ${name}]`
}

function describeDate (date: Date): string {
  return Number.isNaN(Date.prototype.getTime.call(date)) ? 'Invalid Date' : Date.prototype.toISOString.call(date)
}

/** The text of an object without fields, such as a RegExp. @returns undefined if it has no useful text */
function ownText (value: object): string | undefined {
  if (types.isProxy(value) || readProperty(value, 'toString') === Object.prototype.toString) return undefined
  const text = textOf(value)
  return text === '' || text.startsWith('[object ') ? undefined : text
}

function quote (text: string, max: number): string {
  return JSON.stringify((text.length > max ? text.slice(0, max + 1) : text).toWellFormed())
}
