/** JSON text → dynamic values, keeping what JSON.parse loses: 1.0, integers beyond 2^53, the order of keys. */
import { wrap } from './integers'
import { realIn, type Value } from './values'

const DEEPEST = 200

/** Undefined if the text is not valid JSON. */
export function parseJson (text: string): { value: Value } | undefined {
  const reader = new Reader(text)
  const value = reader.value(0)
  return value === undefined || !reader.atEnd() ? undefined : { value }
}

class Reader {
  #at = 0

  constructor (readonly text: string) {}

  atEnd (): boolean {
    this.#space()
    return this.#at >= this.text.length
  }

  value (depth: number): Value | undefined {
    if (depth > DEEPEST) return undefined
    this.#space()
    switch (this.text[this.#at]) {
      case '{': return this.#bag(depth)
      case '[': return this.#list(depth)
      case '"': case "'": return this.#string()
      case 't': return this.#word('true', true)
      case 'f': return this.#word('false', false)
      case 'n': return this.#word('null', null)
      default: return this.#number()
    }
  }

  #space (): void {
    while (/[ \n\r\t]/.test(this.text[this.#at] ?? '')) this.#at++
  }

  #word (expected: string, value: Value): Value | undefined {
    if (!this.text.startsWith(expected, this.#at)) return undefined
    this.#at += expected.length
    return value
  }

  #string (): string | undefined {
    const { text } = this
    const quote = text[this.#at]
    let end = this.#at + 1
    while (end < text.length && text[end] !== quote) end += text[end] === '\\' ? 2 : 1
    if (end >= text.length) return undefined
    const raw = text.slice(this.#at + 1, end)
    this.#at = end + 1
    if (quote === '"' && !raw.includes('\\')) return raw
    try {
      return JSON.parse(`"${quote === "'" ? raw.replace(/"/g, '\\"').replace(/\\'/g, "'") : raw}"`) as string
    } catch {
      return undefined
    }
  }

  #number (): Value | undefined {
    const match = /^-?\d+(\.\d+)?([eE][+-]?\d+)?/.exec(this.text.slice(this.#at, this.#at + 400))
    if (match === null) return undefined
    this.#at += match[0].length
    if (match[1] !== undefined || match[2] !== undefined) return realIn(Number(match[0]))
    const whole = BigInt(match[0])
    return BigInt.asIntN(64, whole) === whole ? wrap(whole) : realIn(Number(match[0]))
  }

  #list (depth: number): Value[] | undefined {
    const values: Value[] = []
    if (this.#opens(']')) return values
    do {
      const value = this.value(depth + 1)
      if (value === undefined) return undefined
      values.push(value)
    } while (this.#takes(','))
    return this.#takes(']') ? values : undefined
  }

  #bag (depth: number): Map<string, Value> | undefined {
    const pairs = new Map<string, Value>()
    if (this.#opens('}')) return pairs
    do {
      this.#space()
      const key = /["']/.test(this.text[this.#at] ?? '') ? this.#string() : undefined
      if (key === undefined || !this.#takes(':')) return undefined
      const value = this.value(depth + 1)
      if (value === undefined) return undefined
      pairs.set(key, value)
    } while (this.#takes(','))
    return this.#takes('}') ? pairs : undefined
  }

  /** After the opening bracket: whether the closing one follows immediately. */
  #opens (closing: string): boolean {
    this.#at++
    return this.#takes(closing)
  }

  #takes (expected: string): boolean {
    this.#space()
    if (this.text[this.#at] !== expected) return false
    this.#at++
    return true
  }
}
