/** The endpoint's answer → what it means for the items in a body. */
import { wallClock } from '../../clock'
import type { Reason } from '../counters'

export interface Answer {
  status: number
  /** The part that has arrived. */
  text: string
  /** In milliseconds from now. */
  retryAfter: number | undefined
  location: string | undefined
}

export type Outcome =
  | { is: 'accepted' }
  /** Some items were rejected; items not listed were accepted. */
  | { is: 'partial', again: number[], refused: Array<{ index: number, reason: Reason }>, message: string, retryAfter: number | undefined }
  | { is: 'refused', reason: Reason, message: string }
  | { is: 'tooLarge', message: string }
  /** Nothing is known to be accepted, and a retry may succeed. `warning` is shown to people once. */
  | { is: 'failed', message: string, retryAfter: number | undefined, warning?: string }
  /** The server closed an idle connection just as we used it: nothing was read, and nothing is wrong. */
  | { is: 'unsent', message: string }
  | { is: 'aborted' }

interface TrackAnswer {
  itemsReceived?: number
  itemsAccepted?: number
  errors: Array<{ index?: number, statusCode?: number, message?: unknown }>
}

const DAY = 24 * 60 * 60 * 1000

/**
 * The status decides: on 2xx all items are accepted, even if the text is cut off. Only a 206 needs its text, which lists
 * the items that were not. A web page isn't from ingestion: proxies and guest networks send theirs with 200 too.
 */
export function outcomeOf ({ status, text, retryAfter }: Answer): Outcome {
  if (status === 206) return partial(text, retryAfter)
  if (status >= 200 && status < 300) return text.trimStart().startsWith('<') ? unusable(`HTTP ${status} with a web page, as proxies send it`, retryAfter) : { is: 'accepted' }
  const message = `HTTP ${status}${detail(text)}`
  if (status === 413) return { is: 'tooLarge', message }
  // Redirects that don't come from ingestion come from something in between, such as a proxy's login page.
  if (isRetriable(status) || status < 400) return { is: 'failed', message, retryAfter }
  return { is: 'refused', reason: reasonOf(status), message }
}

/** Something between us and ingestion has answered, and people have to mend that. */
export function unusable (message: string, retryAfter: number | undefined): Outcome {
  return { is: 'failed', message, retryAfter, warning: `the ingestion endpoint cannot be used: ${message}. Rows wait until it can.` }
}

function partial (text: string, retryAfter: number | undefined): Outcome {
  const answer = answerOf(text)
  // We can't tell which items were accepted: duplicates are better than losses.
  if (answer === undefined) return { is: 'failed', message: 'HTTP 206 with an answer that cannot be read', retryAfter }
  const again: number[] = []
  const refused: Array<{ index: number, reason: Reason }> = []
  let message = ''
  for (const { index, statusCode, message: text } of answer.errors) {
    if (typeof index !== 'number' || typeof statusCode !== 'number') continue
    const said = typeof text === 'string' ? text : ''
    const isSampled = said.toLowerCase() === 'telemetry sampled out.'
    if (!isSampled) message ||= `HTTP ${statusCode} for some items${said && `: ${said.slice(0, 200)}`}`
    if (isSampled) refused.push({ index, reason: 'sampledByService' })
    else if (isRetriable(statusCode)) again.push(index)
    else refused.push({ index, reason: reasonOf(statusCode) })
  }
  if (again.length > 0 || refused.length > 0) return { is: 'partial', again, refused, message, retryAfter }
  const { itemsReceived, itemsAccepted } = answer
  if (typeof itemsReceived === 'number' && typeof itemsAccepted === 'number' && itemsAccepted < itemsReceived) {
    return { is: 'failed', message: 'HTTP 206 that does not say which items were refused', retryAfter }
  }
  return { is: 'accepted' }
}

function answerOf (text: string): TrackAnswer | undefined {
  try {
    const answer = JSON.parse(text) as Partial<TrackAnswer> | null
    if (!Array.isArray(answer?.errors)) return undefined
    return { ...answer, errors: answer.errors.filter(error => typeof error === 'object' && error !== null) }
  } catch {
    return undefined
  }
}

function detail (text: string): string {
  const said = answerOf(text)?.errors[0]?.message
  return typeof said === 'string' && said !== '' ? `: ${said.slice(0, 200)}` : ''
}

function isRetriable (status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

function reasonOf (status: number): Reason {
  switch (status) {
    case 400: return 'badRequest'
    case 401: return 'unauthorized'
    case 402: case 439: return 'quota'
    case 403: return 'forbidden'
    case 413: return 'tooLarge'
    default: return 'refused'
  }
}

/**
 * The Retry-After header (seconds or a date) in milliseconds from now; a day at most.
 * @param date the answer's Date header, which makes up for a wrong local clock
 */
export function retryAfterOf (header: string | undefined, date?: string): number | undefined {
  if (header === undefined) return undefined
  if (/^\s*\d+\s*$/.test(header)) return bounded(Number(header) * 1000)
  const now = Date.parse(date ?? '')
  return bounded(Date.parse(header) - (Number.isNaN(now) ? wallClock() : now))
}

function bounded (wait: number): number | undefined {
  return wait > 0 ? Math.min(wait, DAY) : undefined
}
