/** Texts in memory that two threads share. */
import t from 'tap'
import { BlockReader, BlockWriter } from '../../dist/delivery/worker/blocks.js'

/** In bytes. */
const LONGEST = 128 * 1024 - 4
const BLOCKS = 64

interface Pair { writer: BlockWriter, reader: BlockReader, shared: number }

function pair (): Pair {
  const reader = new BlockReader()
  const made: Pair = {
    reader,
    writer: new BlockWriter(memory => {
      made.shared++
      reader.add(memory)
    }),
    shared: 0
  }
  return made
}

t.test('a text comes out as it was, on both sides, also from a block that held a longer one', t => {
  const { writer, reader } = pair()
  for (const text of ['x'.repeat(LONGEST), '', 'short', 'ü 漢字 😀 \u001e \n', '€'.repeat(LONGEST / 3)]) {
    const place = writer.write(text)!
    t.ok(place, `${text.length} characters fit`)
    t.equal(writer.read(place), text)
    t.equal(reader.text(place).toString(), text)
    t.equal(`${reader.text(place)}`, text)
    t.equal(reader.text(place).length, Buffer.byteLength(text))
    writer.free(place)
  }
  t.end()
})

t.test('what is too large in bytes has no place', t => {
  const made = pair()
  const { writer, reader } = made
  for (const text of ['x'.repeat(LONGEST + 1), '€'.repeat(LONGEST / 3 + 1), `${'€'.repeat(LONGEST / 3)}xx`, '😀'.repeat(LONGEST / 4 + 1), '€'.repeat(LONGEST)]) {
    t.equal(writer.write(text), undefined, `${Buffer.byteLength(text)} bytes`)
  }
  t.equal(reader.text(writer.write('short')!).toString(), 'short')
  t.equal(made.shared, 1)
  t.end()
})

t.test('there are only so many blocks, and they are used again', t => {
  const pages = pair()
  const places = Array.from({ length: BLOCKS }, (_, n) => pages.writer.write(`text ${n}`)!)
  t.equal(pages.shared, BLOCKS)
  t.equal(pages.writer.write('one more'), undefined)
  pages.writer.free(places[7])
  const next = pages.writer.write('one more')!
  t.equal(pages.reader.text(next).toString(), 'one more')
  t.equal(pages.writer.write('and another'), undefined)
  t.equal(pages.shared, BLOCKS)
  for (const [n, place] of places.entries()) if (n !== 7) t.equal(pages.reader.text(place).toString(), `text ${n}`)
  t.end()
})

t.test('with little to send, one block is enough', t => {
  const pages = pair()
  for (let n = 0; n < 100; n++) pages.writer.free(pages.writer.write(`text ${n}`)!)
  t.equal(pages.shared, 1)
  t.end()
})
