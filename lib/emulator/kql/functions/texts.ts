/** Functions for structured texts: CSV lines, paths, hashes. */
import { createHash } from 'node:crypto'
import { SINCE_YEAR_1 } from '../datetime'
import type { Expression, ScalarFunction } from '../expression'
import { add, wrap, type Int } from '../integers'
import { isBag, type Row, type Value } from '../values'
import { textOf } from '../text'
import { over, withNulls } from './define'

/** The fields of the first line. */
function parseCsv (text: string): Value {
  const fields: string[] = []
  let [field, quoted] = ['', false]
  for (let at = 0; at < text.length; at++) {
    const unit = text[at]
    if (quoted && unit === '"' && text[at + 1] === '"') field += text[++at]
    else if (unit === '"' && (quoted || field === '')) quoted = !quoted
    else if (!quoted && unit === ',') {
      fields.push(field)
      field = ''
    } else if (!quoted && (unit === '\n' || unit === '\r')) break
    else field += unit
  }
  return [...fields, field]
}

function parsePath (text: string): Value {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1] ?? ''
  const [path, stream = ''] = (scheme === '' ? text : text.slice(scheme.length + 3)).split(/(?<=[^\\/]):(?=[^\\/])/)
  const at = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))
  const [directory, file] = [at === -1 ? '' : path.slice(0, at), path.slice(at + 1)]
  const root = /^(?:[a-z]:|\\\\[^\\]+|\/)/i.exec(path)?.[0] ?? ''
  return new Map<string, Value>([
    ['Scheme', scheme], ['RootPath', root === '/' ? '' : root], ['DirectoryPath', directory], ['DirectoryName', directory.split(/[\\/]/).at(-1) ?? ''],
    ['Filename', file], ['Extension', file.includes('.') ? file.split('.').at(-1) ?? '' : ''], ['AlternateDataStreamName', stream]
  ])
}

/** All paths into a dynamic value. */
function paths (value: Value, at = ''): string[] {
  if (isBag(value)) return [...value].flatMap(([key, part]) => { const path = at === '' ? key : `${at}.${key}`; return [path, ...paths(part, path)] })
  if (Array.isArray(value)) return value.flatMap((part, index) => [`${at}[${index}]`, ...paths(part, `${at}[${index}]`)])
  return []
}

const MASK = 2n ** 64n - 1n
const [P1, P2, P3, P4, P5] = [11400714785074694791n, 14029467366897019727n, 1609587929392839161n, 9650029242287828579n, 2870177450012600261n]
const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & MASK
const round = (accumulator: bigint, input: bigint): bigint => (rotate((accumulator + input * P2) & MASK, 31n) * P1) & MASK

/** xxHash64 with seed 0. @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
function xxHash (bytes: Buffer): bigint {
  let at = 0
  let hash = P5
  if (bytes.length >= 32) {
    const lanes = [(P1 + P2) & MASK, P2, 0n, (MASK + 1n - P1) & MASK]
    for (; at + 32 <= bytes.length; at += 32) lanes.forEach((lane, index) => { lanes[index] = round(lane, bytes.readBigUInt64LE(at + index * 8)) })
    hash = (rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n)) & MASK
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK
  }
  hash = (hash + BigInt(bytes.length)) & MASK
  for (; at + 8 <= bytes.length; at += 8) hash = (rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * P1 + P4) & MASK
  if (at + 4 <= bytes.length) {
    hash = (rotate(hash ^ ((BigInt(bytes.readUInt32LE(at)) * P1) & MASK), 23n) * P2 + P3) & MASK
    at += 4
  }
  for (; at < bytes.length; at++) hash = (rotate(hash ^ ((BigInt(bytes[at]) * P5) & MASK), 11n) * P1) & MASK
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK
  return hash ^ (hash >> 32n)
}

/** A time as its ticks since the year 1; anything else as its text. */
function bytesOf (expression: Expression): (row: Row) => Buffer {
  const text = textOf(expression)
  if (expression.type !== 'datetime') return row => Buffer.from(text(row))
  return row => {
    const time = expression.of(row)
    const bytes = Buffer.alloc(time === null ? 0 : 8)
    if (time !== null) bytes.writeBigInt64LE(BigInt(add(time as Int, SINCE_YEAR_1)))
    return bytes
  }
}

const hash: ScalarFunction = ({ args: [value, modulus] }) => {
  const bytes = bytesOf(value)
  return row => {
    const found = xxHash(bytes(row))
    const by = modulus?.of(row)
    return wrap(BigInt.asIntN(64, by === undefined || by === null ? found : found % BigInt(by as number)))
  }
}

const digest = (algorithm: string): ScalarFunction => ({ args: [value] }) => {
  const of = textOf(value)
  return row => createHash(algorithm).update(of(row)).digest('hex')
}

export const texts: Readonly<Record<string, ScalarFunction>> = {
  hash,
  hash_xxhash64: hash,
  hash_sha256: digest('sha256'),
  hash_sha1: digest('sha1'),
  hash_md5: digest('md5'),
  parse_csv: over(['string'], parseCsv),
  parsecsv: over(['string'], parseCsv),
  parse_path: over(['string'], parsePath),
  treepath: withNulls(['dynamic'], (value: Value) => paths(value))
}
