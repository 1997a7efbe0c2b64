/** Spans, log records and metrics → the same objects without the secrets that the app, its instrumentations or a client put into them. */
import type { Attributes } from '@opentelemetry/api'
import type { Redactor } from './redactor'

const URLS: ReadonlySet<string> = new Set(['url.full', 'url.path', 'http.url', 'http.target', 'url.query'])

/** @param redacted a value that is safe already */
export function redactAttributes (attributes: Attributes, redactor: Redactor, redacted?: string): void {
  for (const name in attributes) {
    const value = attributes[name]
    if (typeof value === 'string') {
      if (value === redacted || redactor.isClean(value)) continue
      const safe = URLS.has(name) ? redactUrl(name, value, redactor) : redactor.text(value)
      if (safe !== value) attributes[name] = safe
    } else if (Array.isArray(value)) {
      attributes[name] = value.map(item => typeof item === 'string' ? redactor.text(item) : item) as string[]
    }
  }
}

/** @param redacted an attribute's value that is safe already */
export function redactSpan (span: { name: string, readonly attributes: Attributes }, redactor: Redactor, redacted?: string): void {
  const name = redactor.text(span.name)
  if (name !== span.name) span.name = name
  redactAttributes(span.attributes, redactor, redacted)
}

export function redactRecord (record: { body?: unknown, readonly attributes: object }, redactor: Redactor): void {
  if (typeof record.body === 'string') {
    const body = redactor.text(record.body)
    if (body !== record.body) record.body = body
  }
  redactAttributes(record.attributes as Attributes, redactor)
}

interface Metrics { readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<{ readonly dataPoints: ReadonlyArray<{ attributes: Attributes }> }> }> }

/** Copies the attributes, because instruments identify a series by the originals. */
export function redactMetrics ({ scopeMetrics }: Metrics, redactor: Redactor): void {
  for (const { metrics } of scopeMetrics) {
    for (const { dataPoints } of metrics) {
      for (const point of dataPoints) {
        const attributes = { ...point.attributes }
        redactAttributes(attributes, redactor)
        point.attributes = attributes
      }
    }
  }
}

/** `url.query` has no question mark, but the redaction of a URL needs one. */
function redactUrl (name: string, value: string, { url }: Redactor): string {
  return name === 'url.query' && !value.startsWith('?') ? url(`?${value}`).slice(1) : url(value)
}
