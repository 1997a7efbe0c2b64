/** Credential → Authorization header, asked for again shortly before it ends. */

export interface Token { token: string, expiresOnTimestamp: number, refreshAfterTimestamp?: number }

const EARLY = 2 * 60 * 1000
const PATIENCE = 10_000

/** With `renew`, what is cached was refused. */
export function tokenCache (ask: () => Promise<Token>): (renew: boolean) => Promise<string> {
  let cached: Token | undefined
  let asking: Promise<Token> | undefined

  function renewed (): Promise<Token> {
    asking ??= withPatience(ask()).finally(() => { asking = undefined })
    return asking
  }

  return async function authorization (renew) {
    const now = Date.now()
    if (cached === undefined || renew || cached.expiresOnTimestamp <= now) {
      cached = await renewed()
    } else if ((cached.refreshAfterTimestamp ?? cached.expiresOnTimestamp - EARLY) <= now) {
      // Still good: a main thread that is blocked must not hold up the last batch.
      renewed().then(token => { cached = token }, () => {})
    }
    return `Bearer ${cached.token}`
  }
}

function withPatience<T> (promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the credential gave no token in time')), PATIENCE)
    timer.unref()
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
