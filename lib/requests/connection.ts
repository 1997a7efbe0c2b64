/** Request → its connection, read at the start: a closed socket has no address, and undici takes the socket away. */
import type { ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { knownScheme } from './forwarded'
import type { RawRequest } from './refused'
import { isIPv4 } from '../rows/ipv4'

export interface Connection {
  /** Undefined for some kinds of injected requests. */
  readonly socket: Socket | undefined
  readonly scheme: string
  /** The client's Host header, or the one from a trusted proxy; empty if neither sent one. */
  readonly host: string
  readonly clientAddress: string | undefined
}

/** @param keepsAddress if `false`, the client's address is never read */
export function connectionOf (request: FastifyRequest, response: ServerResponse | undefined, keepsAddress: boolean): Connection {
  const { raw } = request
  const socket = raw.socket ?? response?.socket ?? undefined
  try {
    return {
      socket,
      scheme: knownScheme(request.protocol, schemeOf(socket)),
      host: request.host ?? '',
      clientAddress: keepsAddress ? addressOf(request.ip) : undefined
    }
  } catch {
    // The app's trustProxy function may throw.
    return rawConnection(raw, keepsAddress)
  }
}

/** For requests that Fastify never saw. */
export function rawConnection ({ socket, headers }: RawRequest, keepsAddress: boolean): Connection {
  // The app may have replaced the headers. The second is HTTP/2's name for the host.
  const { host, ':authority': authority = '' } = (headers as RawRequest['headers'] | null) ?? {}
  return {
    socket: socket ?? undefined,
    scheme: schemeOf(socket),
    host: host ?? String(authority),
    clientAddress: keepsAddress ? addressOf(socket?.remoteAddress) : undefined
  }
}

function schemeOf (socket: Socket | null | undefined): 'http' | 'https' {
  return (socket as TLSSocket | null | undefined)?.encrypted === true ? 'https' : 'http'
}

/**
 * The address in an `X-Forwarded-For` entry. Some gateways add the port, and put IPv6 addresses in brackets.
 * @returns undefined for anything else (`unknown`, `_hidden`): Azure refuses rows whose address is invalid
 * @see https://www.rfc-editor.org/rfc/rfc7239#section-6
 */
export function addressOf (text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (isIPv4(text)) return text
  const bare = withoutPort(text.trim().replace(/^"(.*)"$/, '$1'))
  // A zone index only has a meaning on its own machine.
  const address = bare.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  return isIP(mapped) === 0 ? undefined : mapped
}

function withoutPort (text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(text)?.[1]
  if (bracketed !== undefined) return bracketed
  return /^([\d.]+):\d*$/.exec(text)?.[1] ?? text
}
