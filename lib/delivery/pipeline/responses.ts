/** The endpoint's answer to a batch → which items have ended, and which to send again. */
import { countsOf, type Counts, type State } from '../counters'
import type { Outcome } from '../http/answer'
import { total } from '../counters'
import type { Batch } from './batch'
import { bodyOf, countEnvelopes, envelopesOf, kindOfEnvelope, type Counted } from './bodies'

export interface Answered {
  ended: Array<[State, Counts]>
  again: Counted[]
  /** Send these before all others, at once. */
  urgent: boolean
  /** In milliseconds. */
  retryAfter: number | undefined
  /** For people; may be empty. */
  message: string
}

export function answered (batch: Batch, outcome: Exclude<Outcome, { is: 'failed' | 'unsent' | 'aborted' }>): Answered {
  switch (outcome.is) {
    case 'accepted':
      return { ended: [['delivered', batch.counts]], again: [], urgent: false, retryAfter: undefined, message: '' }
    case 'refused':
      return { ended: [[outcome.reason, batch.counts]], again: [], urgent: false, retryAfter: undefined, message: `${total(batch.counts)} items refused: ${outcome.message}` }
    case 'tooLarge':
      return split(batch, outcome.message)
    case 'partial':
      return partly(batch, outcome)
  }
}

/** 206: some items are accepted, some rejected for good, and the rest are sent again alone. */
function partly ({ body, counts }: Batch, { refused, again, retryAfter, message }: Outcome & { is: 'partial' }): Answered {
  const envelopes = envelopesOf(body!)
  const left = [...counts]
  const take = (indexes: number[]): Counts => {
    const taken = countsOf()
    for (const index of indexes) {
      const kind = envelopes[index] === undefined ? undefined : kindOfEnvelope(envelopes[index])
      if (kind === undefined || left[kind] === 0) continue
      taken[kind]++
      left[kind]--
    }
    return taken
  }
  // An index that is listed twice counts once.
  const reasons = new Map(refused.map(({ index, reason }) => [index, reason]))
  const repeat = [...new Set(again)].filter(index => envelopes[index] !== undefined && !reasons.has(index))
  const ended: Answered['ended'] = [...reasons].map(([index, reason]) => [reason, take([index])])
  const repeated = take(repeat)
  ended.push(['delivered', left])
  return {
    ended,
    again: total(repeated) > 0 ? [{ body: bodyOf(repeat.map(index => envelopes[index]), body!.gzip), counts: repeated }] : [],
    urgent: false,
    retryAfter,
    message
  }
}

/** 413: split in half until the bodies fit. */
function split ({ body, counts }: Batch, message: string): Answered {
  const envelopes = envelopesOf(body!)
  if (envelopes.length < 2) return { ended: [['tooLarge', counts]], again: [], urgent: false, retryAfter: undefined, message: `an item was refused: ${message}` }
  const middle = envelopes.length >> 1
  const halves = [envelopes.slice(middle), envelopes.slice(0, middle)]
  return {
    ended: [],
    again: halves.map(half => ({ body: bodyOf(half, body!.gzip), counts: countEnvelopes(half) })),
    urgent: true,
    retryAfter: undefined,
    message: ''
  }
}
