/** The texts of rows → bodies to post, with their row counts by kind. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { add, countsOf } from '../counters'
import { MAX_BODY, type Counted } from './bodies'
import type { RowText } from './row-texts'

// As fast as level 1, and 4 % smaller. Level 5 takes more than twice as long for another 7 %.
const GZIP_LEVEL = 3
// Rows of one kind that stand together: gzip looks 32 KB back, and a row has 500 to 1,000 bytes.
const ROWS_TOGETHER = 16

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

  /** Requests and log lines share a POST as long as it is small enough. */
  async write (texts: readonly RowText[]): Promise<void> {
    const together = lengthOf(texts) <= MAX_BODY ? [texts] : texts.map(text => [text])
    for (const some of together) {
      if (this.#length + lengthOf(some) > MAX_BODY) await this.#finish()
      this.#interleave(some)
      for (const { counts } of some) add(this.#counts, counts)
    }
  }

  async finish (): Promise<{ bodies: Counted[], buffer: Buffer }> {
    await this.#finish()
    return { bodies: this.#bodies, buffer: this.#buffer }
  }

  async #finish (): Promise<void> {
    if (this.#length === 0) return
    this.#append(']')
    const written = this.#buffer.subarray(0, this.#length)
    const counts = this.#counts
    this.#length = 0
    this.#counts = countsOf()
    const data = this.#compressed ? await gzipAsync(written, { level: GZIP_LEVEL }) : Buffer.from(written)
    this.#bodies.push({ body: { data, gzip: this.#compressed }, counts })
  }

  /**
   * A request and its log lines have the same ids, which take hardly any space if they are close together. All texts are in
   * order of time, so their n-th parts belong together: 71 bytes for a request and its line instead of 93.
   */
  #interleave (texts: readonly RowText[]): void {
    const parts = Math.ceil(Math.max(1, ...texts.map(({ starts }) => starts.length)) / ROWS_TOGETHER)
    for (let part = 0; part < parts; part++) {
      for (const { text, starts } of texts) {
        const [from, to] = [part, part + 1].map(at => Math.floor(at * starts.length / parts)) as [number, number]
        // Without the comma or bracket after the last of them.
        if (to > from) this.#writeRows(text.slice(starts[from], (starts[to] ?? text.length) - 1))
      }
    }
  }

  #writeRows (rows: string): void {
    this.#append(this.#length === 0 ? '[' : ',')
    this.#append(rows)
  }

  #append (text: string): void {
    // No character takes more than three bytes.
    const longest = 3 * text.length
    if (this.#length + longest > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#length + longest))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    this.#length += this.#buffer.write(text, this.#length)
  }
}

function lengthOf (texts: readonly RowText[]): number {
  return texts.reduce((sum, { text }) => sum + text.length, 0)
}
