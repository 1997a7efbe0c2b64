/** Text with secrets → the same text without them: query values, userinfo, credentials in serialized headers. */

const REDACTED = 'REDACTED'

/** Query parameters whose values are secrets wherever they appear; compared in lower case. */
export const SECRET_QUERY_NAMES: readonly string[] = Object.freeze([
  'sig', 'signature', 'x-amz-signature', 'x-goog-signature', 'x-amz-credential', 'x-amz-security-token',
  'awsaccesskeyid', 'x-goog-credential',
  'token', 'access_token', 'accesstoken', 'id_token', 'refresh_token', 'auth_token', 'session_token', 'sas_token',
  'auth', 'authorization', 'bearer', 'jwt', 'assertion', 'client_assertion', 'saml_response', 'samlresponse',
  'code', 'otp', 'pin', 'password', 'passwd', 'pwd', 'pass', 'secret', 'client_secret', 'private_key',
  'api_key', 'apikey', 'api-key', 'x-api-key', 'key', 'access_key', 'accesskey', 'subscription-key', 'ocp-apim-subscription-key',
  'connectionstring', 'connection_string', 'credential', 'credentials', 'session', 'sessionid', 'session_id', 'sid', 'csrf', 'xsrf'
])

/** Headers that carry credentials: they are never collected, and are blanked where a logged object holds them. */
export const SECRET_HEADERS: readonly string[] = Object.freeze([
  'authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key', 'api-key', 'x-functions-key',
  'x-auth-token', 'x-access-token', 'x-csrf-token', 'x-xsrf-token', 'x-amz-security-token', 'ocp-apim-subscription-key',
  'x-ms-client-principal', 'x-ms-token-aad-access-token', 'x-ms-token-aad-id-token', 'x-ms-token-aad-refresh-token',
  'x-arr-clientcert', 'x-forwarded-client-cert'
])

export interface Redactor {
  /** A url or a request target: secret query values and userinfo are replaced. */
  url: (url: string) => string
  /** Any text: the same for every url-like part in it. */
  text: (text: string) => string
  /** A line of JSON as a logger wrote it: the same, and the values of credential headers. Stays valid JSON. */
  line: (line: string) => string
}

// The bounds keep the patterns linear on hostile text.
const USERINFO = /([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@"'\\]{1,512}@/gi
const PAIR = /([?&;])([^=&?#;\s"'<>\\]{1,128})=([^&#;\s"'<>\\]+)/g
const BEARER = /\b(Bearer )(?=[^\s"'\\]{0,64}[\d._])[\w.~+/-]{8,}=*/gi
const HEADERS = SECRET_HEADERS.join('|')
// `"cookie":"…"`, and `"Cookie","…"` as Node's rawHeaders list it; with quotes escaped, where JSON is in a text.
const HEADER_FIELD = new RegExp(
  `("(?:${HEADERS})"\\s*[:,]\\s*)(?:"(?:[^"\\\\]|\\\\.)*"|\\[[^\\]]*\\]|\\{[^{}]*\\}|\\d+)`, 'gi')
const ESCAPED_HEADER_FIELD = new RegExp(`(\\\\"(?:${HEADERS})\\\\"\\s*[:,]\\s*\\\\")(?:[^"\\\\]|\\\\[^"])*`, 'gi')
// `Cookie: …` as it goes over the wire, where a line begins.
const HEADER_LINE = new RegExp(`((?:^|["\\n]|\\\\n)(?:${HEADERS}) ?: ?)(?:[^"\\\\\\r\\n]|\\\\[^rn])+`, 'gi')
// One look decides for most texts that there is nothing of the kind in them. Each of SECRET_HEADERS matches it.
const HEADER_HINT = /-(?:key|token|principal)|ookie|uthoriz|lient-?cert/i

/** @param names the parameters to redact, in lower case, or true for every one */
export function createRedactor (names: ReadonlySet<string> | true): Redactor {
  function isSecret (name: string): boolean {
    if (names === true) return true
    if (names.has(name)) return true
    return names.has(decoded(name).toLowerCase())
  }

  function pair (whole: string, separator: string, name: string): string {
    return isSecret(name) ? `${separator}${name}=${REDACTED}` : whole
  }

  /** All but headers. */
  function clean (input: string): string {
    let output = input
    if (output.includes('=') && (output.includes('?') || output.includes('&') || output.includes(';'))) output = output.replace(PAIR, pair)
    if (output.includes('@') && output.includes('://')) output = output.replace(USERINFO, `$1${REDACTED}@`)
    if (output.includes('earer ') || output.includes('EARER ')) output = output.replace(BEARER, `$1${REDACTED}`)
    return output
  }

  function text (input: string): string {
    const output = clean(input)
    return HEADER_HINT.test(output) ? output.replace(HEADER_LINE, `$1${REDACTED}`) : output
  }

  function line (input: string): string {
    const output = clean(input)
    if (!HEADER_HINT.test(output)) return output
    return output.replace(HEADER_LINE, `$1${REDACTED}`).replace(HEADER_FIELD, `$1"${REDACTED}"`).replace(ESCAPED_HEADER_FIELD, `$1${REDACTED}`)
  }

  return { url: text, text, line }
}

function decoded (name: string): string {
  if (!name.includes('%') && !name.includes('+')) return name
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}
