/** A test's script → how the next posts are answered. */
import type { IncomingHttpHeaders } from 'node:http'
import type { ItemError } from './ingestion'
import type { Envelope } from './rows'

/** A post as a scripted answer sees it. */
export interface TrackRequest {
  path: string
  headers: IncomingHttpHeaders
  /** The telemetry items, good and bad. */
  items: Envelope[]
  /** How many posts came before it since the emulator was started, cleared or scripted. */
  index: number
}

/** What to do with a post instead of what the real endpoint would. */
export interface ScriptedAnswer {
  /** @default what the real endpoint would answer */
  status?: number
  headers?: Record<string, string>
  /** @default the real endpoint's shape: itemsReceived, itemsAccepted, errors */
  body?: unknown
  /** Milliseconds to wait before answering. */
  delay?: number
  /** Destroy the connection instead of answering. */
  reset?: boolean
  /** Take the post and never answer. */
  hang?: boolean
  /** Items to refuse, by index: with some of them refused the status is 206 unless given. */
  errors?: Array<Partial<ItemError> & { index: number }>
  /** Whether the rows are kept all the same. @default true for a status under 300, false for any other, for reset and hang */
  keep?: boolean
  /** For how many posts this holds. @default for all that come, or for one where another answer follows */
  times?: number
}

/** A status, an answer, or a function that gives one; `undefined` is the real endpoint's answer. */
export type Answer = number | ScriptedAnswer | undefined |
  ((request: TrackRequest) => number | ScriptedAnswer | undefined | Promise<number | ScriptedAnswer | undefined>)

/** Answers in their order, each for its number of posts; after the last that is limited, the real endpoint's. */
export function createScript (answers: Answer[]) {
  const left = answers.map((answer, index) => {
    const times = typeof answer === 'object' ? answer.times : undefined
    return times ?? (index < answers.length - 1 ? 1 : Infinity)
  })
  let index = 0

  /** @param request its items are read where a function asks for them */
  return async function next ({ items, ...request }: Omit<TrackRequest, 'index' | 'items'> & { items: () => Envelope[] }): Promise<ScriptedAnswer> {
    const at = left.findIndex(times => times > 0)
    const answer = at < 0 ? undefined : answers[at]
    if (at >= 0) left[at]--
    const place = index++
    const given = typeof answer === 'function' ? await answer({ ...request, items: items(), index: place }) : answer
    return typeof given === 'number' ? { status: given } : given ?? {}
  }
}
