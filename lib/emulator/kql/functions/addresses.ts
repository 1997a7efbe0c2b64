/** Functions for IP addresses and their prefixes. */
import { toText } from '../convert'
import type { ScalarFunction } from '../expression'
import type { Value } from '../values'
import { over, withNulls } from './define'

/** An address as a number, and how many of its leading bits count. */
interface Network { bits: bigint, prefix: number }

interface Family {
  width: number
  parse (text: string): Network | null
}

const OCTET = /^(?:25[0-5]|2[0-4]\d|1?\d?\d)$/
/** IPv4 addresses within those of IPv6. */
const MAPPED = 0xffffn << 32n

function octets (text: string): bigint | null {
  const parts = text.split('.')
  return parts.length === 4 && parts.every(each => OCTET.test(each)) ? parts.reduce((all, each) => all << 8n | BigInt(each), 0n) : null
}

function groups (text: string): bigint | null {
  const dotted = /^(.*:)([\d.]+\.\d+)$/.exec(text)
  if (dotted !== null) {
    const last = octets(dotted[2])
    return last === null ? null : groups(`${dotted[1]}${(last >> 16n).toString(16)}:${(last & 0xffffn).toString(16)}`)
  }
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [before, after] = halves.map(half => half === '' ? [] : half.split(':'))
  const omitted = after === undefined ? 0 : 8 - before.length - after.length
  const all = [...before, ...Array.from({ length: Math.max(0, omitted) }, () => '0'), ...after ?? []]
  if (all.length !== 8 || (after !== undefined && omitted < 1) || !all.every(each => /^[0-9a-f]{1,4}$/i.test(each))) return null
  return all.reduce((bits, each) => bits << 16n | BigInt(`0x${each}`), 0n)
}

function network (bits: bigint | null, suffix: string | undefined, width: number): Network | null {
  const prefix = suffix === undefined ? width : /^\d{1,3}$/.test(suffix) ? Number(suffix) : Infinity
  return bits === null || prefix > width ? null : { bits, prefix }
}

const V4: Family = {
  width: 32,
  parse (text) {
    const [address, suffix] = text.trim().split('/')
    return network(octets(address), suffix, 32)
  }
}

/** Takes IPv4 addresses, too. */
const V6: Family = {
  width: 128,
  parse (text) {
    const short = V4.parse(text)
    if (short !== null) return { bits: MAPPED | short.bits, prefix: 96 + short.prefix }
    const [address, suffix] = text.trim().split('/')
    const found = network(groups(address), suffix, 128)
    // Where the last bits are written as IPv4, a prefix counts as one of IPv4.
    return found !== null && address.includes('.') && found.prefix <= 32 ? { ...found, prefix: 96 + found.prefix } : found
  }
}

function masked (bits: bigint, prefix: number, { width }: Family): bigint {
  const rest = BigInt(width - prefix)
  return bits >> rest << rest
}

/** Compares the leading bits that count in both addresses. Null if one is not valid. */
function compared (family: Family): (a: string, b: string, prefix?: number) => number | null {
  return (a, b, prefix = family.width) => {
    const [x, y] = [family.parse(a), family.parse(b)]
    if (x === null || y === null || prefix < 0 || prefix > family.width) return null
    const least = Math.min(x.prefix, y.prefix, prefix)
    const [first, second] = [masked(x.bits, least, family), masked(y.bits, least, family)]
    return first === second ? 0 : first < second ? -1 : 1
  }
}

function matches (family: Family): ScalarFunction {
  const compare = compared(family)
  return over(['string', 'string', 'long'], (a: string, b: string, prefix?: number) => { const found = compare(a, b, prefix); return found === null ? null : found === 0 })
}

/** Whether an address is in one of the ranges, given as texts or as lists. */
function within (family: Family): (address: string, ...ranges: Value[]) => boolean | null {
  return (text, ...ranges) => {
    const address = family.parse(text)
    if (address === null) return null
    return ranges.flat().some(each => {
      const range = family.parse(toText(each, 'dynamic'))
      return range !== null && masked(address.bits, range.prefix, family) === masked(range.bits, range.prefix, family)
    })
  }
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']
const inV4 = within(V4)

const dotted = (bits: bigint): string => [24n, 16n, 8n, 0n].map(shift => String(bits >> shift & 0xffn)).join('.')
const colons = (bits: bigint): string => (bits.toString(16).padStart(32, '0').match(/.{4}/g) ?? []).join(':')

function parsedV4 (text: string, prefix = 32): number | null {
  const found = V4.parse(text)
  return found === null || prefix < 0 || prefix > 32 ? null : Number(masked(found.bits, Math.min(found.prefix, prefix), V4))
}

function parsedV6 (text: string, prefix = 128): string {
  const found = V6.parse(text)
  return found === null || prefix < 0 || prefix > 128 ? '' : colons(masked(found.bits, Math.min(found.prefix, prefix), V6))
}

/** An address given as text or as a number. */
function formatted (withPrefix: boolean): ScalarFunction {
  return withNulls(['dynamic', 'long'], (address: Value, prefix: number | null = 32) => {
    const found = typeof address === 'number' && address >= 0 && address < 2 ** 32 ? { bits: BigInt(Math.trunc(address)), prefix: 32 } : V4.parse(toText(address, 'dynamic'))
    if (found === null || prefix === null || prefix < 0 || prefix > 32) return ''
    const least = Math.min(found.prefix, prefix)
    return `${dotted(masked(found.bits, least, V4))}${withPrefix ? `/${least}` : ''}`
  })
}

/** The fewest ranges that together hold all addresses from the first to the last. */
function ranges (first: string, last: string): Value {
  const [from, to] = [V4.parse(first), V4.parse(last)]
  if (from === null || to === null) return null
  const found: string[] = []
  for (let at = from.bits; at <= to.bits;) {
    let prefix = 32
    while (prefix > 0 && masked(at, prefix - 1, V4) === at && at + (1n << BigInt(33 - prefix)) - 1n <= to.bits) prefix--
    found.push(`${dotted(at)}/${prefix}`)
    at += 1n << BigInt(32 - prefix)
  }
  return found
}

/** Addresses in a text, with neither a letter nor a digit before and after. */
const IN_TEXT = /(?<![\p{L}\p{N}.])\d{1,3}(?:\.\d{1,3}){3}(?![\p{L}\p{N}]|\.\d)/gu

/** `127.0.` begins addresses; without the dot it is none. */
const isPrefix = (text: string): boolean => octets(text) !== null || (/^(?:\d{1,3}\.){1,3}$/.test(text) && text.slice(0, -1).split('.').every(each => OCTET.test(each)))

function contained (prefixes: boolean): ScalarFunction {
  return withNulls(['string', 'dynamic'], (text: string, ...wanted: Value[]) => {
    const valid = wanted.flat().map(each => toText(each, 'dynamic')).filter(each => prefixes ? isPrefix(each) : octets(each) !== null)
    return (text.match(IN_TEXT) ?? []).some(address => octets(address) !== null && valid.some(each => each === address || (prefixes && each.endsWith('.') && address.startsWith(each))))
  })
}

export const addresses: Readonly<Record<string, ScalarFunction>> = {
  parse_ipv4: over(['string'], (text: string) => parsedV4(text)),
  parse_ipv4_mask: over(['string', 'long'], parsedV4),
  parse_ipv6: over(['string'], (text: string) => parsedV6(text)),
  parse_ipv6_mask: over(['string', 'long'], parsedV6),
  format_ipv4: formatted(false),
  format_ipv4_mask: formatted(true),
  ipv4_is_private: over(['string'], (address: string) => inV4(address, PRIVATE)),
  ipv4_is_in_range: over(['string'], inV4),
  ipv4_is_in_any_range: over(['string', 'dynamic'], inV4),
  ipv6_is_in_range: over(['string'], within(V6)),
  ipv6_is_in_any_range: over(['string', 'dynamic'], within(V6)),
  ipv4_is_match: matches(V4),
  ipv6_is_match: matches(V6),
  ipv4_compare: over(['string', 'string', 'long'], compared(V4)),
  ipv6_compare: over(['string', 'string', 'long'], compared(V6)),
  ipv4_netmask_suffix: over(['string'], (text: string) => V4.parse(text)?.prefix ?? null),
  ipv4_range_to_cidr_list: over(['string'], ranges),
  has_ipv4: contained(false),
  has_any_ipv4: contained(false),
  has_ipv4_prefix: contained(true),
  has_any_ipv4_prefix: contained(true)
}
