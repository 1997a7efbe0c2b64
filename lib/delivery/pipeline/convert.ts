/** Sealed batches, from memory or from a file → bodies to post. */
import type { Resource } from '@opentelemetry/resources'
import type { Connection } from '../../options/connection-string'
import { add, countsOf, type Counts } from '../counters'
import type { SealedText } from './batch'
import type { Counted } from './bodies'
import { BodyWriter } from './body-writer'
import { loadExporters, type Exporters } from './exporters'
import { rowTexts } from './row-texts'
import { unpackParts, type Unpacked } from './unpack'

// As objects at one time. Fewer take more calls of the exporter; of more, some survive a garbage collection.
const ITEMS = 128
// In bytes, for a body in the making: 512 items take 350,000.
const MEMORY = 1024 * 1024

/** The exporter can't be loaded or set up. That isn't the rows' fault, and may be temporary. */
export class ExporterUnavailable extends Error {}

export class Converter {
  readonly #connection: Connection
  readonly #statsbeat: boolean
  readonly #compress: boolean
  #exporters: Exporters | undefined
  #spare: Buffer | undefined

  constructor (connection: Connection, statsbeat: boolean, compress: boolean) {
    this.#connection = connection
    this.#statsbeat = statsbeat
    this.#compress = compress
  }

  /**
   * Bodies may hold fewer items than went in: the exporter makes no row for some.
   * @throws ExporterUnavailable, or if the text wasn't sealed by Packer
   * @returns `counts` of the items in the text
   */
  async bodies (sealed: readonly SealedText[], resource: Resource): Promise<{ bodies: Counted[], counts: Counts }> {
    const exporters = this.#load()
    const counts = countsOf()
    const writer = new BodyWriter(this.#spare ?? Buffer.allocUnsafeSlow(MEMORY), this.#compress)
    // An abandoned conversion may still be writing when the next one starts.
    this.#spare = undefined
    for (const unpacked of partsOf(sealed, resource)) {
      for (const some of [unpacked.spanCounts, unpacked.recordCounts, unpacked.metricCounts]) add(counts, some)
      await writer.write(await rowTexts(unpacked, exporters))
    }
    const { bodies, buffer } = await writer.finish()
    if (buffer.length <= MEMORY) this.#spare = buffer
    return { bodies, counts }
  }

  #load (): Exporters {
    try {
      this.#exporters ??= loadExporters(this.#connection, this.#statsbeat)
      return this.#exporters
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw new ExporterUnavailable(`@azure/monitor-opentelemetry-exporter cannot be loaded: ${code ?? message.split('\n')[0]}`)
    }
  }
}

function * partsOf (sealed: readonly SealedText[], resource: Resource): Generator<Unpacked> {
  for (const text of sealed) for (const each of text.toString().split('\n')) yield * unpackParts(each, resource, ITEMS)
}
