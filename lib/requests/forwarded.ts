/** What a client or proxy says of itself (Host, X-Forwarded-*) → the same where it looks like what it is to be. */
import type { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'

// A name has 253 characters at most, a port five.
const LONGEST_AUTHORITY = 260
const AUTHORITY = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** Of the request as the client sees it. */
export function schemeOf ({ protocol, raw }: FastifyRequest): 'http' | 'https' {
  return knownScheme(protocol, (raw.socket as TLSSocket | undefined)?.encrypted === true ? 'https' : 'http')
}

/** `http` or `https`; any other would be a scheme that a client has made up. */
export function knownScheme (scheme: unknown, otherwise: 'http' | 'https'): 'http' | 'https' {
  return scheme === 'https' || scheme === 'http' ? scheme : otherwise
}

/** A host with or without its port. */
export function isAuthority (text: string): boolean {
  return text.length <= LONGEST_AUTHORITY && AUTHORITY.test(text)
}
