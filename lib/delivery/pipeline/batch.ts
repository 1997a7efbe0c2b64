/** What moves through the pipeline, and who it belongs to. */
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources'
import { monotonic } from '../clock'
import type { Body } from '../http/transport'
import { countsOf, total, type Counts, type State } from '../counters'
import type { SpoolFile } from '../spool'

/** Where the pipeline writes an instance's counts: on the same thread, or to the main thread by messages. */
export interface Ledger {
  /** @param lease what the items came with; the moves of one that is never settled did not happen */
  move: (counts: Counts, from: State | null, to: State | null, lease: number) => void
  sum: (state: State) => number
}

/** One Fastify instance. */
export interface Source {
  id: number
  ledger: Ledger
  resource: Resource
  /** Items in memory, neither sent nor stored nor given up. */
  unsettled: number
}

/**
 * What was taken in one piece, sealed batches from memory or a file, and is acknowledged in one piece: when the last of
 * the bodies made of it has ended. Only then may the main thread forget the batches, and the file go.
 */
export interface Lease {
  id: number
  /** Of the sealed batches, in the order in which they came. */
  sequences: readonly number[]
  file: SpoolFile | undefined
  /** Batches of it that have not ended. */
  open: number
}

/** Sealed batches, then one or more bodies. */
export interface Batch {
  source: Source
  resource: Resource
  counts: Counts
  /** null: queued. What came from a file is `spooled` until it has ended. */
  state: 'inFlight' | 'spooled' | null
  /** One a line; empty where there is a body. */
  sealed: string
  sequence: number
  body: Body | undefined
  /** When it was taken; this and `notBefore` by the monotonic clock. */
  since: number
  attempts: number
  notBefore: number
  lease: Lease | undefined
  /** Exactly what its file holds, so that nothing need be written to put it back. */
  unchangedOnDisk: boolean
  /** Its last attempt used a connection that the server had closed. */
  wasUnsent: boolean
  /** Stored or given up while a request or a conversion was still at work on it. */
  abandoned: AbortController
}

export function createSource (id: number, resource: Record<string, unknown>, ledger: Ledger): Source {
  return { id, ledger, resource: resourceFromAttributes(resource as Resource['attributes']), unsettled: 0 }
}

export function createBatch (source: Source, counts: Counts, content: { sealed: string, sequence: number } | { body: Body } | undefined, from: Partial<Batch> = {}): Batch {
  return {
    source,
    resource: source.resource,
    counts,
    state: null,
    sealed: '',
    sequence: 0,
    body: undefined,
    since: monotonic(),
    attempts: 0,
    notBefore: 0,
    lease: undefined,
    unchangedOnDisk: false,
    wasUnsent: false,
    abandoned: new AbortController(),
    ...from,
    ...content
  }
}

/** Items of a source change their state. */
export function shift (source: Source, counts: Counts, from: State | null, to: State | null, lease: Lease | undefined): void {
  if (from === to) return
  source.ledger.move(counts, from, to, lease?.id ?? 0)
  source.unsettled += total(counts) * (Number(isInMemory(to)) - Number(isInMemory(from)))
}

function isInMemory (state: State | null): boolean {
  return state === null || state === 'inFlight'
}

/** Sealed batches of one source, as one. */
export function merge (batches: Batch[], lease: Lease | undefined): Batch {
  if (batches.length === 1) {
    batches[0].lease = lease
    return batches[0]
  }
  const { source, since } = batches[0]
  const counts = countsOf()
  for (const batch of batches) for (let kind = 0; kind < counts.length; kind++) counts[kind] += batch.counts[kind]
  return createBatch(source, counts, { sealed: batches.map(batch => batch.sealed).join('\n'), sequence: batches[0].sequence }, { since, lease })
}

export function itemsOf (batches: Batch[]): number {
  let items = 0
  for (const { counts } of batches) items += total(counts)
  return items
}
