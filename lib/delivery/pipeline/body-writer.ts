/** The texts of rows → bodies to post, with their row counts by kind. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { countsOf } from '../counters'
import { MAX_BODY, type Counted } from './bodies'
import type { RowTexts } from './row-texts'

// As fast as level 1, and 4 % smaller. Level 5 takes more than twice as long for another 7 %.
const GZIP_LEVEL = 3
// Rows of one kind that stand together: gzip looks 32 KB back, and a row has 500 to 1,000 bytes.
const ROWS_TOGETHER = 16

const [OPEN, COMMA, CLOSE] = [...'[,]'].map(char => char.charCodeAt(0)) as [number, number, number]

const gzipAsync = promisify(gzip)

/**
 * Takes the rows of a few items at a time and writes them to memory outside V8's heap. As strings, bodies in the making
 * survived garbage collections, and made V8 run a full one every 3,000 requests.
 */
export class BodyWriter {
  readonly #compressed: boolean
  readonly #bodies: Counted[] = []
  #buffer: Buffer
  #length = 0
  #counts = countsOf()

  /** @param buffer that nobody else uses; a larger one replaces it if need be */
  constructor (buffer: Buffer, compressed: boolean) {
    this.#buffer = buffer
    this.#compressed = compressed
  }

  /**
   * Requests and log lines share a body. A request and its lines have the same ids, which take hardly any space if they are
   * close together. All rows are in order of time, so their n-th parts belong together: 71 bytes for a request and its line
   * instead of 93.
   */
  async write (rows: readonly RowTexts[]): Promise<void> {
    const parts = Math.ceil(Math.max(0, ...rows.map(({ texts }) => texts.length)) / ROWS_TOGETHER)
    for (let part = 0; part < parts; part++) {
      for (const { texts, kinds } of rows) {
        const end = Math.floor((part + 1) * texts.length / parts)
        for (let at = Math.floor(part * texts.length / parts); at < end; at++) {
          if (this.#length + texts[at]!.length > MAX_BODY) await this.#finish()
          this.#append(texts[at]!)
          this.#counts[kinds[at]!]!++
        }
      }
    }
  }

  async finish (): Promise<{ bodies: Counted[], buffer: Buffer }> {
    await this.#finish()
    return { bodies: this.#bodies, buffer: this.#buffer }
  }

  async #finish (): Promise<void> {
    if (this.#length === 0) return
    this.#buffer[this.#length++] = CLOSE
    const written = this.#buffer.subarray(0, this.#length)
    const counts = this.#counts
    this.#length = 0
    this.#counts = countsOf()
    const data = this.#compressed ? await gzipAsync(written, { level: GZIP_LEVEL }) : Buffer.from(written)
    this.#bodies.push({ body: { data, gzip: this.#compressed }, counts })
  }

  #append (row: string): void {
    // No character takes more than three bytes. A bracket or comma before it, and a bracket after the last one.
    const longest = 3 * row.length + 2
    if (this.#length + longest > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#length + longest))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    this.#buffer[this.#length] = this.#length === 0 ? OPEN : COMMA
    this.#length += 1 + this.#buffer.write(row, this.#length + 1)
  }
}
