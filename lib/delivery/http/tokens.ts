/** Credential → Authorization header, renewed shortly before it expires. */
import { atMost, monotonic } from '../../clock'

/** Times are milliseconds since the token was issued: the two threads, and tests that mock Date, share no clock. */
export interface Token { token: string, validFor: number, refreshAfter: number }

const REFRESH_EARLY = 2 * 60 * 1000
const CREDENTIAL_TIMEOUT = 10_000
// A token that has already expired on arrival comes from another clock. If it really has expired, the endpoint says 401.
const MIN_VALID = 60_000

/** `renew` means that the cached token was rejected. */
export function tokenCache (ask: () => Promise<Token>): (renew: boolean) => Promise<string> {
  let cached: { token: string, expires: number, refresh: number } | undefined
  let asking: Promise<void> | undefined

  function renewed (): Promise<void> {
    asking ??= renewCached().finally(() => { asking = undefined })
    return asking
  }

  async function renewCached (): Promise<void> {
    const token = await atMost(ask(), CREDENTIAL_TIMEOUT)
    if (token === undefined) throw new Error('the credential gave no token in time')
    const now = monotonic()
    const validFor = Math.max(MIN_VALID, token.validFor)
    cached = { token: token.token, expires: now + validFor, refresh: now + Math.min(validFor, Math.max(0, token.refreshAfter)) }
  }

  return async function authorization (renew) {
    const now = monotonic()
    if (cached === undefined || renew || cached.expires <= now) await renewed()
    // Still valid: a blocked main thread must not hold up the last batch.
    else if (cached.refresh <= now) renewed().catch(() => {})
    return `Bearer ${cached!.token}`
  }
}

/** @param now milliseconds since 1970, on the credential's clock */
export function tokenOf ({ token, expiresOnTimestamp, refreshAfterTimestamp = expiresOnTimestamp - REFRESH_EARLY }: { token: string, expiresOnTimestamp: number, refreshAfterTimestamp?: number }, now: number): Token {
  return { token, validFor: expiresOnTimestamp - now, refreshAfter: refreshAfterTimestamp - now }
}
