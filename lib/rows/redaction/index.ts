/** What a row may not hold → `REDACTED`: secrets in urls and texts, userinfo, credentials in headers. */
import type { Attributes } from '@opentelemetry/api'
import { SECRET_QUERY_NAMES, createNameCheck } from './names'
import { createTextRedaction } from './text'
import { createUrlRedaction } from './url'

export { SECRET_HEADERS, SECRET_QUERY_NAMES } from './names'

export interface Redactor {
  /** A url or a request target, by its structure. */
  url: (url: string) => string
  /** Any text: every url, connection string and header in it. */
  text: (text: string) => string
  /** A line as a logger wrote it. JSON stays valid JSON. */
  line: (line: string) => string
}

/** @param names the parameters to redact, in lower case, or true for every one */
export function createRedactor (names: ReadonlySet<string> | true): Redactor {
  const urls = createUrlRedaction(createNameCheck(names))
  const ofLists = createNameCheck(names === true ? new Set(SECRET_QUERY_NAMES) : names)
  return { url: urls.url, ...createTextRedaction(urls, ofLists) }
}

const URLS: ReadonlySet<string> = new Set(['url.full', 'url.path', 'http.url', 'http.target', 'url.query'])
// Written by the plugin itself, from what is no text of anybody's.
const PLAIN: ReadonlySet<string> = new Set([
  'http.request.method', 'http.route', 'network.protocol.version', 'server.address', 'client.address', 'peer.service', 'ai.operation.name', 'error.type'
])

/** In place: what the app, its instrumentations and the client have given. */
export function redactAttributes (attributes: Attributes, redactor: Redactor): void {
  for (const name in attributes) {
    const value = attributes[name]
    if (typeof value === 'string') {
      if (PLAIN.has(name)) continue
      const safe = URLS.has(name) ? redactUrl(name, value, redactor) : redactor.text(value)
      if (safe !== value) attributes[name] = safe
    } else if (Array.isArray(value)) {
      attributes[name] = value.map(item => typeof item === 'string' ? redactor.text(item) : item) as string[]
    }
  }
}

/** A query stands there without its question mark. */
function redactUrl (name: string, value: string, { url }: Redactor): string {
  return name === 'url.query' && !value.startsWith('?') ? url(`?${value}`).slice(1) : url(value)
}
