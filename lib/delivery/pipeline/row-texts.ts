/** Unpacked items → the texts of their rows, as the exporter writes them. */
import { ROW_BYTES } from '../../rows/limits'
import { fitSize } from '../../rows/size'
import { countsOf, total, type Counts } from '../counters'
import { kindOfEnvelope, MAX_BODY, type Envelope } from './bodies'
import type { Exporters } from './exporters'
import type { Unpacked } from './unpack'

/** A JSON array of envelopes, and where the rows begin, or the only group of rows that is to stay together. */
export interface RowText { text: string, counts: Counts, starts: readonly number[] }

// Every envelope begins like this. Quotes inside text are escaped, so it can't appear anywhere else.
const ENVELOPE = '{"ver":1,"name":"Microsoft.ApplicationInsights.'

/** Items that the exporter makes no row for are missing from the counts. */
export async function rowTexts (unpacked: Unpacked, exporters: Exporters): Promise<RowText[]> {
  const texts: RowText[] = []
  await convert(unpacked.spans, exporters.spans, unpacked.spanCounts, texts)
  await convert(unpacked.records, exporters.records, unpacked.recordCounts, texts)
  for (const metrics of unpacked.metrics) await convert([metrics], ([one]) => exporters.metrics(one), unpacked.metricCounts, texts)
  return texts
}

async function convert<T> (items: T[], run: (items: T[]) => Promise<string | null>, expected: Counts, texts: RowText[]): Promise<void> {
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
  const starts = text.length <= MAX_BODY ? fittingRows(text) : undefined
  if (starts !== undefined && starts.length === total(expected)) {
    texts.push({ text, counts: [...expected], starts })
    return
  }
  let part: string[] = []
  let counts = countsOf()
  let size = 0
  const cut = (): void => {
    if (part.length > 0) texts.push({ text: `[${part.join(',')}]`, counts, starts: [1] })
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

/** Where each row of the text begins. @returns undefined if one may be too long */
function fittingRows (text: string): number[] | undefined {
  const starts: number[] = []
  for (let at = text.indexOf(ENVELOPE); at !== -1;) {
    const next = text.indexOf(ENVELOPE, at + ENVELOPE.length)
    const end = next === -1 ? text.length : next
    // No character takes more than three bytes, so most rows needn't be measured.
    if ((end - at) * 3 > ROW_BYTES && Buffer.byteLength(text.slice(at, end)) > ROW_BYTES) return undefined
    starts.push(at)
    at = next
  }
  return starts
}
