/** What moves through the pipeline, and who it belongs to. */
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources'
import { monotonic } from '../../clock'
import type { Body } from '../http/transport'
import { countsOf, total, type Counts, type State } from '../counters'
import type { SpoolFile } from '../spool'

/** Where the pipeline records an instance's counts: on this thread, or on the main thread via messages. */
export interface Ledger {
  /** @param lease the items' lease; if it is never settled, its moves are undone */
  move: (counts: Counts, from: State | null, to: State | null, lease: number) => void
  sum: (state: State) => number
}

/** One Fastify instance. */
export interface Source {
  id: number
  ledger: Ledger
  resource: Resource
  /** Items in memory that are not yet sent, stored or dropped. */
  unsettled: number
}

/**
 * Batches taken together, from memory or from one file, and acknowledged together once the last of
 * their bodies has ended. Only then may the main thread forget the batches, and the file be removed.
 */
export interface Lease {
  id: number
  /** Of the sealed batches, in order of arrival. */
  sequences: readonly number[]
  file: SpoolFile | undefined
  /** Batches that have not ended yet. */
  open: number
}

/** What Packer made: a string, or what is read only when it is needed. */
export interface SealedText { readonly length: number, toString: () => string }

/** Sealed batches at first, then one or more bodies. */
export interface Batch {
  source: Source
  resource: Resource
  counts: Counts
  /** null: queued. Items from a file stay `spooled` until they have ended. */
  state: 'inFlight' | 'spooled' | null
  /** Each of one batch, or, from a file, of several, one a line. None if there is a body. */
  sealed: readonly SealedText[]
  sequence: number
  body: Body | undefined
  /** When it was taken. Like `notBefore`, on the monotonic clock. */
  since: number
  attempts: number
  notBefore: number
  lease: Lease | undefined
  /** Identical to what its file holds, so putting it back needs no write. */
  unchangedOnDisk: boolean
  /** Its last attempt used a connection that the server had closed. */
  wasUnsent: boolean
  /** Aborted if the batch is stored or dropped while a request or conversion is still working on it. */
  abandoned: AbortController
}

export function createSource (id: number, resource: Record<string, unknown>, ledger: Ledger): Source {
  return { id, ledger, resource: resourceFromAttributes(resource as Resource['attributes']), unsettled: 0 }
}

export function createBatch (source: Source, counts: Counts, content: { sealed: readonly SealedText[], sequence: number } | { body: Body } | undefined, from: Partial<Batch> = {}): Batch {
  return {
    source,
    resource: source.resource,
    counts,
    state: null,
    sealed: [],
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

/** Changes the state of a source's items. */
export function shift (source: Source, counts: Counts, from: State | null, to: State | null, lease: Lease | undefined): void {
  if (from === to) return
  source.ledger.move(counts, from, to, lease?.id ?? 0)
  source.unsettled += total(counts) * (Number(isInMemory(to)) - Number(isInMemory(from)))
}

function isInMemory (state: State | null): boolean {
  return state === null || state === 'inFlight'
}

/** Merges sealed batches of one source. */
export function merge (batches: Batch[], lease: Lease | undefined): Batch {
  if (batches.length === 1) {
    batches[0].lease = lease
    return batches[0]
  }
  const { source, since } = batches[0]
  const counts = countsOf()
  for (const batch of batches) for (let kind = 0; kind < counts.length; kind++) counts[kind] += batch.counts[kind]
  return createBatch(source, counts, { sealed: batches.flatMap(batch => batch.sealed), sequence: batches[0].sequence }, { since, lease })
}

export function itemsOf (batches: Batch[]): number {
  let items = 0
  for (const { counts } of batches) items += total(counts)
  return items
}
