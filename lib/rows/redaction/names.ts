/** Name of a parameter or header → whether its value is a secret, in any spelling that frameworks use. */

export const REDACTED = 'REDACTED'

/** Parameters whose values are secret wherever they appear, in lower case. `-` and `_` are ignored. */
export const SECRET_QUERY_NAMES: readonly string[] = Object.freeze([
  'sig', 'signature', 'x-amz-signature', 'x-goog-signature', 'x-amz-credential', 'x-amz-security-token',
  'awsaccesskeyid', 'x-goog-credential', 'sharedaccesssignature', 'sharedaccesskey', 'accountkey',
  'token', 'access_token', 'id_token', 'refresh_token', 'auth_token', 'session_token', 'sas_token', 'api_token',
  'bearer_token', 'user_token', 'reset_token', 'oauth_token', 'oauth_token_secret', 'oauth_signature', 'oauth_verifier',
  'auth', 'authorization', 'bearer', 'jwt', 'assertion', 'client_assertion', 'saml_response', 'saml_request',
  'code', 'code_verifier', 'otp', 'pin', 'password', 'passwd', 'pwd', 'pass', 'passphrase', 'passcode', 'new_password',
  'old_password', 'current_password', 'confirm_password', 'password_confirmation',
  'secret', 'client_secret', 'secret_key', 'private_key', 'api_key', 'x-api-key', 'key', 'access_key', 'secret_access_key',
  'subscription-key', 'ocp-apim-subscription-key', 'connection_string', 'instrumentation_key', 'credential', 'credentials',
  'session', 'session_id', 'jsessionid', 'phpsessid', 'aspsessionid', 'sid', 'csrf', 'xsrf', 'csrf_token', 'xsrf_token',
  'csrf_middleware_token', 'request_verification_token'
])

/** Headers that carry credentials. They are never collected, and their values are redacted in logged objects. */
export const SECRET_HEADERS: readonly string[] = Object.freeze([
  'authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key', 'api-key', 'x-functions-key',
  'x-auth-token', 'x-access-token', 'x-csrf-token', 'x-xsrf-token', 'x-amz-security-token', 'ocp-apim-subscription-key',
  'x-ms-client-principal', 'x-ms-token-aad-access-token', 'x-ms-token-aad-id-token', 'x-ms-token-aad-refresh-token',
  'x-arr-clientcert', 'x-forwarded-client-cert'
])

export type IsSecret = (name: string) => boolean

// An app has few names. A client may invent many, which must not fill the memory.
const MAX_KNOWN = 1_000
const LONGEST_KNOWN = 64

/**
 * Recognizes `token`, and also `Token[]`, `user[password]`, `user.password`, `%74oken`, `%2574oken`, ` token `, `accessToken`.
 * @param names in any case, or true for every name
 */
export function createNameCheck (names: ReadonlySet<string> | true): IsSecret {
  if (names === true) return () => true
  const secret = new Set([...names].map(canonical))
  secret.delete('')
  const known = new Map<string, boolean>()

  function look (name: string): boolean {
    const plain = decoded(decoded(name))
    return secret.has(canonical(plain)) || plain.split(/[^\p{L}\p{N}_-]+/u).some(part => secret.has(canonical(part)))
  }

  return name => {
    let result = known.get(name)
    if (result === undefined) {
      result = look(name)
      if (known.size < MAX_KNOWN && name.length <= LONGEST_KNOWN) known.set(name, result)
    }
    return result
  }
}

/** Ignores case, `-`, `_`, spaces, control characters and the width of letters. */
function canonical (name: string): string {
  return name.normalize('NFKC').toLowerCase().replaceAll(/[-_\s\p{C}]/gu, '')
}

/** Decodes as in a form, where `+` is a space. Text that can't be decoded stays unchanged. */
function decoded (name: string): string {
  return percentDecoded(name.includes('+') ? name.replaceAll('+', ' ') : name)
}

export function percentDecoded (text: string): string {
  if (!text.includes('%')) return text
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, run => {
    try {
      return decodeURIComponent(run)
    } catch {
      // It isn't UTF-8. Decode byte by byte, so that ASCII characters in it are still found.
      return run.replaceAll(/%../g, byte => String.fromCharCode(Number.parseInt(byte.slice(1), 16)))
    }
  })
}
