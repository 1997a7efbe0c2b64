/** Credential → Authorization header, asked for again shortly before it ends. */
import { atMost, monotonic } from '../clock'

/** Times are milliseconds from when it was given: the two threads, and tests with another Date, share no clock. */
export interface Token { token: string, validFor: number, refreshAfter: number }

const REFRESH_EARLY = 2 * 60 * 1000
const CREDENTIAL_TIMEOUT = 10_000
// A token that is over when it is given comes from another clock. The endpoint says 401 where it really is over.
const MIN_VALID = 60_000

/** With `renew`, what is cached was refused. */
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
    // Still good: a main thread that is blocked must not hold up the last batch.
    else if (cached.refresh <= now) renewed().catch(() => {})
    return `Bearer ${cached!.token}`
  }
}

/** @param now milliseconds since 1970, by the clock that the credential goes by */
export function tokenOf ({ token, expiresOnTimestamp, refreshAfterTimestamp = expiresOnTimestamp - REFRESH_EARLY }: { token: string, expiresOnTimestamp: number, refreshAfterTimestamp?: number }, now: number): Token {
  return { token, validFor: expiresOnTimestamp - now, refreshAfter: refreshAfterTimestamp - now }
}
