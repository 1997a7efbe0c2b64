/** A test's script → how the next posts are answered. */
import type { IncomingHttpHeaders } from 'node:http'
import type { ItemError } from './ingestion'
import type { Envelope } from './rows'

/** A post as a scripted answer sees it. */
export interface TrackRequest {
  path: string
  headers: IncomingHttpHeaders
  /** The telemetry items, valid and invalid. */
  items: Envelope[]
  /** Number of earlier posts since the emulator was last started, cleared or scripted. */
  index: number
}

/** How to answer a post, overriding the real endpoint's behavior. */
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
  /** Items to reject, by index: if some are rejected, the status is 206 unless given. */
  errors?: Array<Partial<ItemError> & { index: number }>
  /** Whether the rows are kept anyway. @default true for a status under 300, false for any other, for reset and hang */
  keep?: boolean
  /** How many posts this answers. @default all that follow, or one if another answer follows */
  times?: number
}

/** A status, an answer, or a function that returns one; `undefined` is the real endpoint's answer. */
export type Answer = number | ScriptedAnswer | undefined |
  ((request: TrackRequest) => number | ScriptedAnswer | undefined | Promise<number | ScriptedAnswer | undefined>)

/** Gives answers in order, each for its number of posts; after the last limited one, the real endpoint's. */
export function createScript (answers: Answer[]) {
  const left = answers.map((answer, index) => {
    const times = typeof answer === 'object' ? answer.times : undefined
    return times ?? (index < answers.length - 1 ? 1 : Infinity)
  })
  let index = 0

  /** @param request its items are read only if a function asks for them */
  return async function next ({ items, ...request }: Omit<TrackRequest, 'index' | 'items'> & { items: () => Envelope[] }): Promise<ScriptedAnswer> {
    const at = left.findIndex(times => times > 0)
    const answer = at < 0 ? undefined : answers[at]
    if (at >= 0) left[at]--
    const place = index++
    const given = typeof answer === 'function' ? await answer({ ...request, items: items(), index: place }) : answer
    return typeof given === 'number' ? { status: given } : given ?? {}
  }
}
