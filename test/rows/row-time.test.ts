/** A row's time reads as a Date's, in whatever order times come. */
import fc from 'fast-check'
import t from 'tap'
import { RowTime } from '../../dist/rows/row-time.js'

/** Times that follow each other closely, as in a batch, and any other. */
const times = fc.array(fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_003_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -3_000, max: 3_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -8.64e15, max: 8.64e15 }) }
), { maxLength: 20 })

t.test('as a Date writes it', t => {
  fc.assert(fc.property(times, all => {
    for (const time of all) {
      const [given, expected] = [new RowTime(time).toISOString(), new Date(time).toISOString()]
      if (given !== expected) throw new Error(`${given} instead of ${expected}`)
      if (JSON.stringify(new RowTime(time)) !== JSON.stringify(new Date(time))) throw new Error(`${expected} as JSON`)
    }
  }), { numRuns: 2_000 })
  t.end()
})

t.test('an invalid one', t => {
  t.throws(() => new RowTime(NaN).toISOString(), RangeError)
  t.equal(JSON.stringify(new RowTime(NaN)), 'null')
  t.equal(new RowTime(0).toISOString(), '1970-01-01T00:00:00.000Z')
  t.end()
})
