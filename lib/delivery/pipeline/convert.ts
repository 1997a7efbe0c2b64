/** Sealed batches, from memory or from a file → bodies to post. */
import type { Resource } from '@opentelemetry/resources'
import type { Connection } from '../../options/connection-string'
import { add, countsOf, type Counts } from '../counters'
import type { SealedText } from './batch'
import { bodiesOf, type Counted } from './bodies'
import { loadExporters, type Exporters } from './exporters'
import { emptyUnpacked, unpack } from './unpack'

/** The exporter can't be loaded or set up. That isn't the rows' fault, and may be temporary. */
export class ExporterUnavailable extends Error {}

export class Converter {
  readonly #connection: Connection
  readonly #statsbeat: boolean
  readonly #compress: boolean
  #exporters: Exporters | undefined

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
    const unpacked = emptyUnpacked()
    for (const text of sealed) for (const each of text.toString().split('\n')) unpack(each, resource, unpacked)
    const counts = countsOf()
    for (const some of [unpacked.spanCounts, unpacked.recordCounts, unpacked.metricCounts]) add(counts, some)
    return { bodies: await bodiesOf(unpacked, exporters, this.#compress), counts }
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
