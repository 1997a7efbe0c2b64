/** Functions for property bags and structured texts: URLs, versions, paths, addresses. */
import { keyOf } from '../compare'
import { convert, parsed, toText } from '../convert'
import { Decimal } from '../decimal'
import { member, toDynamic } from '../dynamic'
import type { ScalarFunction } from '../expression'
import { textOf } from '../text'
import { isBag, type Bag, type Value } from '../values'
import { over, withNulls } from './define'
import { parseXml } from './xml'

const pack: ScalarFunction = ({ args }) => {
  const keys = args.filter((_, index) => index % 2 === 0).map(textOf)
  const values = args.filter((_, index) => index % 2 === 1)
  return row => new Map(keys.map((key, index) => [key(row), toDynamic(values[index].of(row), values[index].type)]))
}

/** For duplicate keys, the first value wins. */
function merged (...bags: Value[]): Value {
  const found: Bag = new Map()
  for (const bag of bags) if (isBag(bag)) for (const [key, value] of bag) if (!found.has(key)) found.set(key, value)
  return found
}

/** `$.a['b'][0]` → its steps. */
function steps (path: string): Array<string | number> {
  const found: Array<string | number> = []
  for (const match of path.matchAll(/\.?([A-Za-z_]\w*)|\[\s*(-?\d+)\s*\]|\[\s*(['"])(.*?)\3\s*\]/g)) {
    found.push(match[2] !== undefined ? Number(match[2]) : match[4] ?? match[1])
  }
  return found
}

const extractJson: ScalarFunction = ({ args: [path, source], type }) => {
  const [find, text] = [textOf(path), textOf(source)]
  return row => {
    let found = parsed(text(row), 'string')
    for (const step of steps(find(row).replace(/^\$/, ''))) found = member(found, step)
    return convert(found, 'dynamic', type)
  }
}

function parseUrl (text: string): Value {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#@]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/i.exec(text)
  if (match === null) return null
  const [, scheme, user = '', host, port = '', path, query = '', fragment = ''] = match
  const [username, password = ''] = user.split(':')
  return new Map<string, Value>([['Scheme', scheme], ['Host', host], ['Port', port], ['Path', path], ['Username', username], ['Password', password], ['Query Parameters', queryBag(query)], ['Fragment', fragment]])
}

function queryBag (query: string): Bag {
  const found: Bag = new Map()
  for (const pair of query.split('&')) {
    const at = pair.indexOf('=')
    if (pair !== '') found.set(at === -1 ? pair : pair.slice(0, at), at === -1 ? '' : pair.slice(at + 1))
  }
  return found
}

function parseVersion (text: string): Value {
  const numbers = text.split('.').map(Number)
  if (numbers.length > 4 || numbers.some(each => !Number.isInteger(each) || each < 0)) return null
  const [a, b = 0, c = 0, d = 0] = numbers
  return Decimal.from([a, b, c, d].map(each => String(each).padStart(8, '0')).join(''))
}

function ipv4 (text: string): number | null {
  const match = /^\s*(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?\s*$/.exec(text)
  if (match === null) return null
  const bytes = match.slice(1, 5).map(Number)
  const prefix = match[5] === undefined ? 32 : Number(match[5])
  if (bytes.some(byte => byte > 255) || prefix > 32) return null
  return masked(bytes.reduce((all, byte) => all * 256 + byte, 0), prefix)
}

function masked (address: number, prefix: number): number {
  const size = 2 ** (32 - prefix)
  return Math.floor(address / size) * size
}

function inRange (address: string, ranges: Value): Value {
  const given = ipv4(address)
  if (given === null) return null
  return [ranges].flat().some(range => {
    const [base, prefix = '32'] = toText(range, 'dynamic').split('/')
    const network = ipv4(base)
    return network !== null && masked(network, Number(prefix)) === masked(given, Number(prefix))
  })
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']

const hasKey: ScalarFunction = ({ args: [bag, key] }) => {
  const path = textOf(key)
  return row => {
    let found = bag.of(row)
    const wanted = path(row)
    if (isBag(found) && found.has(wanted)) return true
    if (!wanted.startsWith('$')) return isBag(found) ? false : null
    for (const step of steps(wanted.slice(1))) {
      if (isBag(found) ? !found.has(String(step)) : !Array.isArray(found) || found[Number(step)] === undefined) return false
      found = member(found, step)
    }
    return true
  }
}

export const bags: Readonly<Record<string, ScalarFunction>> = {
  pack,
  bag_pack: pack,
  pack_dictionary: pack,
  bag_keys: withNulls(['dynamic'], (bag: Value) => isBag(bag) ? [...bag.keys()] : null),
  bag_merge: withNulls(['dynamic'], merged),
  bag_has_key: hasKey,
  bag_remove_keys: withNulls(['dynamic'], (bag: Value, keys: Value) => isBag(bag) && Array.isArray(keys)
    ? new Map([...bag].filter(([key]) => !keys.some(each => keyOf(each) === key)))
    : null),
  bag_set_key: ({ args: [bag, key, value] }) => row => {
    const given = bag.of(row)
    return isBag(given) ? new Map([...given, [toText(key.of(row), key.type), toDynamic(value.of(row), value.type)]]) : null
  },
  bag_zip: withNulls(['dynamic'], (keys: Value, values: Value) => Array.isArray(keys) && Array.isArray(values)
    ? new Map(keys.map((key, index) => [toText(key, 'dynamic'), values[index] ?? null]))
    : null),
  extractjson: extractJson,
  extract_json: extractJson,
  parse_url: over(['string'], parseUrl),
  parse_xml: over(['string'], parseXml),
  parseurl: over(['string'], parseUrl),
  parse_urlquery: over(['string'], (query: string): Value => new Map([['Query Parameters', queryBag(query.replace(/^\?/, ''))]])),
  parse_version: over(['string'], parseVersion),
  parse_ipv4: over(['string'], ipv4),
  ipv4_is_private: over(['string'], (address: string) => inRange(address, PRIVATE)),
  ipv4_is_in_range: over(['string'], inRange),
  ipv4_is_in_any_range: over(['string', 'dynamic'], inRange),
  ipv4_is_match: over(['string', 'string', 'long'], (a: string, b: string, prefix = 32) => {
    const [x, y] = [ipv4(a), ipv4(b)]
    return x === null || y === null ? null : masked(x, prefix) === masked(y, prefix)
  }),
  ipv4_compare: over(['string', 'string'], (a: string, b: string) => {
    const [x, y] = [ipv4(a), ipv4(b)]
    return x === null || y === null ? null : Math.sign(x - y)
  })
}
