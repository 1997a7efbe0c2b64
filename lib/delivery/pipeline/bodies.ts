/** Unpacked items → bodies to post, with their row counts by kind. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { ROW_BYTES } from '../../rows/limits'
import { fitSize } from '../../rows/size'
import type { Exporters } from './exporters'
import { compress, expand } from '../spool'
import { add, countsOf, total, type Counts } from '../counters'
import type { Body } from '../http/transport'
import type { Unpacked } from './unpack'

export interface Counted { body: Body, counts: Counts }

const MAX_BODY = 1024 * 1024
// Every envelope begins like this. Quotes inside text are escaped, so it can't appear anywhere else.
const ENVELOPE = '{"ver":1,"name":"Microsoft.ApplicationInsights.'
const KIND_OF: Record<string, number> = { RequestData: 0, RemoteDependencyData: 1, MessageData: 2, ExceptionData: 3, MetricData: 5 }

const gzipAsync = promisify(gzip)

/** Items that the exporter makes no row for are missing from the counts. */
export async function bodiesOf (unpacked: Unpacked, exporters: Exporters, compressed: boolean): Promise<Counted[]> {
  const texts: Text[] = []
  await convert(unpacked.spans, exporters.spans, unpacked.spanCounts, texts)
  await convert(unpacked.records, exporters.records, unpacked.recordCounts, texts)
  for (const metrics of unpacked.metrics) await convert([metrics], ([one]) => exporters.metrics(one), unpacked.metricCounts, texts)
  const bodies: Counted[] = []
  for (const { text, counts } of joined(texts)) {
    const data = Buffer.from(text)
    bodies.push({ body: compressed ? { data: await gzipAsync(data, { level: 1 }), gzip: true } : { data, gzip: false }, counts })
  }
  return bodies
}

export function bodyOf (envelopes: Envelope[], compressed: boolean): Body {
  const text = JSON.stringify(envelopes)
  return { data: compressed ? compress(text) : Buffer.from(text), gzip: compressed }
}

/** A JSON array of envelopes. */
interface Text { text: string, counts: Counts }

export interface Envelope { data?: { baseType?: string, baseData?: Record<string, unknown> } }

async function convert<T> (items: T[], run: (items: T[]) => Promise<string | null>, expected: Counts, texts: Text[]): Promise<void> {
  if (items.length === 0) return
  let text: string | null
  try {
    text = await run(items)
  } catch (error) {
    if (items.length === 1) return
    // One item that the exporter can't handle must not take the others down with it.
    for (const item of items) await convert([item], run, countsOf(), texts)
    return
  }
  if (text === null) return
  if (text.length <= MAX_BODY && fittingRows(text) === total(expected)) {
    texts.push({ text, counts: [...expected] })
    return
  }
  let part: string[] = []
  let counts = countsOf()
  let size = 0
  const cut = (): void => {
    if (part.length > 0) texts.push({ text: `[${part.join(',')}]`, counts })
    part = []
    counts = countsOf()
    size = 0
  }
  for (const envelope of JSON.parse(text) as Envelope[]) {
    const one = fitSize(envelope)
    if (one === undefined) continue
    if (size + one.length > MAX_BODY) cut()
    part.push(one)
    counts[kindOfEnvelope(envelope)]++
    size += one.length
  }
  cut()
}

/** Requests and log lines share a POST as long as it is small enough. */
function joined (texts: Text[]): Text[] {
  const join: Text[] = []
  for (const { text, counts } of texts) {
    const last = join.at(-1)
    if (last === undefined || last.text.length + text.length > MAX_BODY) {
      join.push({ text, counts })
    } else {
      last.text = `${last.text.slice(0, -1)},${text.slice(1)}`
      add(last.counts, counts)
    }
  }
  return join
}

/** How many rows the text holds if none is too long; -1 if one may be. */
function fittingRows (text: string): number {
  let count = 0
  for (let at = text.indexOf(ENVELOPE); at !== -1; count++) {
    const next = text.indexOf(ENVELOPE, at + ENVELOPE.length)
    const end = next === -1 ? text.length : next
    // No character takes more than three bytes, so most rows needn't be measured.
    if ((end - at) * 3 > ROW_BYTES && Buffer.byteLength(text.slice(at, end)) > ROW_BYTES) return -1
    at = next
  }
  return count
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
