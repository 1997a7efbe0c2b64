/** Unpacked items → the texts of their rows, as the exporter writes them. */
import { fitSize } from '../../rows/size'
import { wellFormedJson } from '../../rows/well-formed'
import { kindOfEnvelope, type Envelope } from './bodies'
import type { Exporters } from './exporters'
import type { Unpacked } from './unpack'

/** Rows made of one kind of item, in order of time: each as JSON, and what it is. */
export interface RowTexts { readonly texts: string[], readonly kinds: number[] }

/** The exporter makes no row for some items. */
export async function rowTexts ({ spans, records, metrics }: Unpacked, exporters: Exporters): Promise<RowTexts[]> {
  return [
    await convert(spans, exporters.spans),
    await convert(records, exporters.records),
    await convert(metrics, async each => (await Promise.all(each.map(exporters.metrics))).flat())
  ]
}

async function convert<T> (items: T[], run: (items: T[]) => Promise<Envelope[]>): Promise<RowTexts> {
  const texts: string[] = []
  const kinds: number[] = []
  for (const envelope of await envelopesOf(items, run)) {
    const text = fitSize(envelope)
    if (text === undefined) continue
    texts.push(wellFormedJson(text))
    kinds.push(kindOfEnvelope(envelope))
  }
  return { texts, kinds }
}

/** One item that the exporter can't handle must not take the others down with it. */
async function envelopesOf<T> (items: T[], run: (items: T[]) => Promise<Envelope[]>): Promise<Envelope[]> {
  if (items.length === 0) return []
  try {
    return await run(items)
  } catch (error) {
    if (items.length === 1) return []
    return (await Promise.all(items.map(async item => await envelopesOf([item], run)))).flat()
  }
}
