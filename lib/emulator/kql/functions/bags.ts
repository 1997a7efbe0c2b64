/** Functions for property bags and structured texts: URLs, versions, paths. */
import { convert, parsed, toText } from '../convert'
import { Decimal } from '../decimal'
import { member, toDynamic } from '../dynamic'
import type { ScalarFunction } from '../expression'
import { args as argsOf, nameOf } from '../syntax'
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

/** A key, or a path such as `$.a.b` or `$['a'].b`. */
function pathOf (key: string): Array<string | number> {
  return key.startsWith('$') ? steps(key.slice(1)) : [key]
}

/** A copy without what is there; nothing changes if there is nothing. */
function without (value: Value, [step, ...rest]: Array<string | number>): Value {
  if (!isBag(value) || typeof step !== 'string' || !value.has(step)) return value
  const copy = new Map(value)
  if (rest.length === 0) copy.delete(step)
  else copy.set(step, without(value.get(step) ?? null, rest))
  return copy
}

/** A copy with a value there, in new bags where there are none. */
function withValue (value: Value, [step, ...rest]: Array<string | number>, given: Value): Value {
  const bag: Bag = isBag(value) ? new Map(value) : new Map()
  return bag.set(String(step), rest.length === 0 ? given : withValue(bag.get(String(step)) ?? null, rest, given))
}

/** Keys that are not texts are left out, and missing values are null. */
function zipped (keys: Value, values: Value): Value {
  if (!Array.isArray(keys)) return null
  const given = Array.isArray(values) ? values : []
  return new Map(keys.flatMap((key, index): Array<[string, Value]> => typeof key === 'string' ? [[key, given[index] ?? null]] : []))
}

export const bags: Readonly<Record<string, ScalarFunction>> = {
  pack,
  bag_pack: pack,
  pack_dictionary: pack,
  bag_pack_columns: ({ args, node }) => { const names = argsOf(node).map(nameOf); return row => new Map(args.map(({ of, type }, index) => [names[index], toDynamic(of(row), type)])) },
  bag_keys: withNulls(['dynamic'], (bag: Value) => isBag(bag) ? [...bag.keys()] : null),
  bag_merge: withNulls(['dynamic'], merged),
  bag_has_key: hasKey,
  bag_remove_keys: withNulls(['dynamic'], (bag: Value, keys: Value) => isBag(bag) && Array.isArray(keys)
    ? keys.reduce<Value>((left, key) => typeof key === 'string' ? without(left, pathOf(key)) : left, bag)
    : null),
  bag_set_key: ({ args: [bag, key, value] }) => row => {
    const given = bag.of(row)
    return isBag(given) ? withValue(given, pathOf(toText(key.of(row), key.type)), toDynamic(value.of(row), value.type)) : null
  },
  bag_zip: withNulls(['dynamic'], zipped),
  extractjson: extractJson,
  extract_json: extractJson,
  parse_url: over(['string'], parseUrl),
  parse_xml: over(['string'], parseXml),
  parseurl: over(['string'], parseUrl),
  parse_urlquery: over(['string'], (query: string): Value => new Map([['Query Parameters', queryBag(query.replace(/^\?/, ''))]])),
  parse_version: over(['string'], parseVersion)
}
