/** parse_xml(): elements, attributes and texts → a bag. Everything else in the document is left out. */
import type { Bag, Value } from '../values'

/** In characters, as in Azure: what is longer is null. */
const LONGEST = 1_048_576
/** A deeper document could exhaust the stack of whatever reads the value. */
const DEEPEST = 256

const TOKEN = /<\?[^]*?\?>|<!--[^]*?-->|<!\[CDATA\[([^]*?)\]\]>|<!DOCTYPE[^[>]*(?:\[[^\]]*\][^>]*)?>|<\/([^\s<>]+)\s*>|<([^\s<>/!?]+)((?:\s+[^\s<>=/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y
const ATTRIBUTE = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

interface Element { name: string, content: Bag }

/** @returns null if it isn't well-formed */
export function parseXml (text: string): Value {
  if (text.length > LONGEST) return null
  const root: Element = { name: '', content: new Map() }
  const open = [root]
  TOKEN.lastIndex = 0
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const token = TOKEN.exec(text)
    if (token === null) return null
    const [, section, closed, name, attributes, isEmpty, plain] = token
    const current = open[open.length - 1]
    if (name !== undefined) {
      const element = { name, content: attributesOf(attributes) }
      if (isEmpty === '/') add(current.content, name, simplified(element.content))
      else if (open.push(element) > DEEPEST) return null
    } else if (closed !== undefined) {
      if (current.name !== closed || open.length === 1) return null
      open.pop()
      add(open[open.length - 1].content, closed, simplified(current.content))
    } else {
      const found = section ?? (plain === undefined ? '' : unescaped(plain))
      if (found.trim() === '') continue
      if (open.length === 1) return null
      add(current.content, '#text', found)
    }
  }
  return open.length === 1 && root.content.size === 1 && !Array.isArray([...root.content.values()][0]) ? root.content : null
}

function attributesOf (text: string): Bag {
  return new Map([...text.matchAll(ATTRIBUTE)].map(([, name, double, single]) => [`@${name}`, unescaped(double ?? single)]))
}

/** An element without parts is null, and one with nothing but a text is that text. */
function simplified (content: Bag): Value {
  if (content.size === 0) return null
  const text = content.get('#text')
  return content.size === 1 && typeof text === 'string' ? text : content
}

/** What comes more than once is a list. */
function add (content: Bag, name: string, value: Value): void {
  const before = content.get(name)
  if (!content.has(name)) content.set(name, value)
  else if (Array.isArray(before)) before.push(value)
  else content.set(name, [before ?? null, value])
}

function unescaped (text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));/gi, (all, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
    if (name !== undefined) return ENTITIES[name] ?? all
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
