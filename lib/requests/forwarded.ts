/** Text from a client or proxy (Host, X-Forwarded-*) → whether it is a valid scheme or host. */

// A host name has at most 253 characters, a port five.
const LONGEST_AUTHORITY = 260
const AUTHORITY = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/** `http` or `https`. Any other scheme was made up by the client, so `otherwise` replaces it. */
export function knownScheme (scheme: unknown, otherwise: 'http' | 'https'): 'http' | 'https' {
  return scheme === 'https' || scheme === 'http' ? scheme : otherwise
}

/** A host, with or without a port. */
export function isAuthority (text: string): boolean {
  return text.length <= LONGEST_AUTHORITY && AUTHORITY.test(text)
}
