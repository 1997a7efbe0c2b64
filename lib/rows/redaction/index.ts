/** Secrets in URLs and texts, userinfo, and credentials in headers → `REDACTED`. */
import { SECRET_QUERY_NAMES, createNameCheck } from './names'
import type { Redactor } from './redactor'
import { createTextRedaction } from './text'
import { createUrlRedaction } from './url'

export { SECRET_HEADERS, SECRET_QUERY_NAMES } from './names'
export type { Redactor } from './redactor'
export { redactAttributes, redactMetrics, redactRecord, redactSpan } from './rows'
export { mayHoldSecret } from './url'

/** @param names the parameters to redact, in lower case, or true for all of them */
export function createRedactor (names: ReadonlySet<string> | true): Redactor {
  const urls = createUrlRedaction(createNameCheck(names))
  const ofLists = createNameCheck(names === true ? new Set(SECRET_QUERY_NAMES) : names)
  return { url: urls.url, ...createTextRedaction(urls, ofLists) }
}
