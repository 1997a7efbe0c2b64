/** What is posted: a JSON array of envelopes, compressed or not. */
import { countsOf, type Counts } from '../counters'
import type { Body } from '../http/transport'
import { compress, expand } from '../spool'

export interface Counted { body: Body, counts: Counts }

export interface Envelope { data?: { baseType?: string, baseData?: Record<string, unknown> } }

/** In bytes before compression, give or take what isn't ASCII. */
export const MAX_BODY = 1024 * 1024

const KIND_OF: Record<string, number> = { RequestData: 0, RemoteDependencyData: 1, MessageData: 2, ExceptionData: 3, MetricData: 5 }

export function bodyOf (envelopes: Envelope[], compressed: boolean): Body {
  const text = JSON.stringify(envelopes)
  return { data: compressed ? compress(text) : Buffer.from(text), gzip: compressed }
}

export function envelopesOf ({ data, gzip }: Body): Envelope[] {
  return JSON.parse((gzip ? expand(data) : data).toString()) as Envelope[]
}

export function countEnvelopes (envelopes: Envelope[]): Counts {
  const counts = countsOf()
  for (const envelope of envelopes) counts[kindOfEnvelope(envelope)]++
  return counts
}

export function kindOfEnvelope (envelope: Envelope): number {
  return KIND_OF[envelope.data?.baseType ?? ''] ?? 4
}
