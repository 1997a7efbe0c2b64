/** What a client or proxy says of itself (Host, X-Forwarded-*) → the same where it looks like what it is to be. */

// A name has 253 characters at most, a port five.
const LONGEST_AUTHORITY = 260
const AUTHORITY = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** `http` or `https`; any other would be a scheme that a client has made up. */
export function knownScheme (scheme: unknown, otherwise: 'http' | 'https'): 'http' | 'https' {
  return scheme === 'https' || scheme === 'http' ? scheme : otherwise
}

/** A host with or without its port. */
export function isAuthority (text: string): boolean {
  return text.length <= LONGEST_AUTHORITY && AUTHORITY.test(text)
}
