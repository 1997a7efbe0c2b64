/** Request → its connection, read while it is there: a closed socket has no address, and undici takes the socket away. */
import type { ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { knownScheme } from './forwarded'
import type { RawRequest } from './refused'

export interface Connection {
  /** undefined where there is none, as with some ways to inject requests. */
  readonly socket: Socket | undefined
  readonly scheme: string
  /** As the client has sent it, or a proxy that is trusted; empty where nobody has. */
  readonly host: string
  readonly clientAddress: string | undefined
}

/** @param keepsAddress `false` never asks for the client's address */
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
    // A trustProxy function of the app's may throw.
    return rawConnection(raw, keepsAddress)
  }
}

/** Where Fastify has made no request of it. */
export function rawConnection ({ socket, headers }: RawRequest, keepsAddress: boolean): Connection {
  return {
    socket: socket ?? undefined,
    scheme: schemeOf(socket),
    host: headers.host ?? '',
    clientAddress: keepsAddress ? addressOf(socket?.remoteAddress) : undefined
  }
}

function schemeOf (socket: Socket | null | undefined): 'http' | 'https' {
  return (socket as TLSSocket | null | undefined)?.encrypted === true ? 'https' : 'http'
}

/**
 * The address in what a proxy has written into `X-Forwarded-For`: gateways add the port, and put IPv6 in brackets then.
 * @returns undefined where there is none (`unknown`, `_hidden`): Azure refuses rows with anything else
 * @see https://www.rfc-editor.org/rfc/rfc7239#section-6
 */
export function addressOf (text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  // The usual case.
  if (isIP(text) === 4) return text
  const bare = withoutPort(text.trim().replace(/^"(.*)"$/, '$1'))
  // A zone has a meaning on its own machine only.
  const address = bare.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  return isIP(mapped) === 0 ? undefined : mapped
}

function withoutPort (text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(text)?.[1]
  if (bracketed !== undefined) return bracketed
  return /^([\d.]+):\d*$/.exec(text)?.[1] ?? text
}
