/** Functions between texts and bytes: base64, gzip and zlib. */
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import type { ScalarFunction } from '../expression'
import { numberIn, type Value } from '../values'
import { over } from './define'

/** What a compressed text may become, in bytes. */
const LARGEST = { maxOutputLength: 10_000_000 }

/** The bytes of a base64 text; undefined if it is none. */
function bytesIn (text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text.trim()) ? Buffer.from(text, 'base64') : undefined
}

function unpacked (unpack: (bytes: Buffer, options: typeof LARGEST) => Buffer): ScalarFunction {
  return over(['string'], (text: string) => {
    try {
      return unpack(Buffer.from(text, 'base64'), LARGEST).toString()
    } catch {
      return ''
    }
  })
}

function packed (pack: (text: string) => Buffer): ScalarFunction {
  return over(['string'], (text: string) => pack(text).toString('base64'))
}

/** The first three parts of a GUID have their bytes in reverse: for both directions. */
function reordered (bytes: Buffer): Buffer {
  return Buffer.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map(place => bytes[place]))
}

function guidFrom (text: string): string | null {
  const bytes = bytesIn(text)
  if (bytes?.length !== 16) return null
  return reordered(bytes).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export const encodings: Readonly<Record<string, ScalarFunction>> = {
  base64_decode_toarray: over(['string'], (text: string): Value => { const bytes = bytesIn(text); return bytes === undefined ? null : [...bytes] }),
  base64_encode_fromarray: over(['dynamic'], (list: Value) => Array.isArray(list) ? Buffer.from(list.map(each => numberIn(each) ?? 0)).toString('base64') : ''),
  base64_decode_toguid: over(['string'], guidFrom),
  base64_encode_fromguid: over(['guid'], (guid: string) => reordered(Buffer.from(guid.replaceAll('-', ''), 'hex')).toString('base64')),
  gzip_compress_to_base64_string: packed(gzipSync),
  gzip_decompress_from_base64_string: unpacked(gunzipSync),
  zlib_compress_to_base64_string: packed(deflateSync),
  zlib_decompress_from_base64_string: unpacked(inflateSync)
}
