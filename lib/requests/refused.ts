/** The bytes that Node's parser rejected → the parts of the request that they contain, for its row. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** The parts of Node's message that a row needs. */
export type RawRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'httpVersion' | 'socket'>

// In bytes: Node's limit for all headers of a request.
const LONGEST_HEAD = 16_384
const REQUEST_LINE = /^(?:\r?\n)*([A-Z]+) (.+) HTTP\/(\d\.\d)\r?\n/
const HEADERS = ['host', 'user-agent', 'traceparent', 'tracestate'] as const

/** @returns undefined if it isn't an HTTP request: port scans must not create rows */
export function refusedRequest ({ code, rawPacket }: ClientError, socket: Socket): RawRequest | undefined {
  const head = rawPacket === undefined ? '' : Buffer.from(rawPacket.subarray(0, LONGEST_HEAD)).toString('latin1')
  const line = REQUEST_LINE.exec(head)
  // Headers may be so long that the packet starts in the middle of them.
  if (line === null) return code === 'HPE_HEADER_OVERFLOW' ? { method: undefined, url: '/', headers: {}, httpVersion: '1.1', socket } : undefined
  const headers: IncomingMessage['headers'] = {}
  for (const name of HEADERS) {
    const value = new RegExp(`\\n${name}: *([^\\r\\n]*)\\r?\\n`, 'i').exec(head)?.[1]
    if (value !== undefined) headers[name] = value
  }
  return { method: line[1], url: line[2]!, headers, httpVersion: line[3]!, socket }
}

/** The error of Node's `clientError` event. */
export interface ClientError extends NodeJS.ErrnoException { rawPacket?: Uint8Array }
