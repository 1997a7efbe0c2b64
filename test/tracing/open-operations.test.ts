/** Additions and deletions in any order leave what a Set would have. */
import fc from 'fast-check'
import t from 'tap'
import { OpenOperations } from '../../dist/tracing/open-operations.js'
import type { Operation } from '../../dist/tracing/operation.js'

t.test('as a Set', t => {
  fc.assert(fc.property(fc.array(fc.nat(7), { maxLength: 60 }), choices => {
    const operations = Array.from({ length: 8 }, (_, n) => ({ n, newer: undefined, older: undefined }) as unknown as Operation)
    const list = new OpenOperations()
    const expected = new Set<Operation>()
    for (const choice of choices) {
      const operation = operations[choice]
      if (expected.has(operation)) {
        if (!list.delete(operation)) throw new Error('it was not there')
        expected.delete(operation)
      } else {
        if (list.delete(operation)) throw new Error('it was still there')
        list.add(operation)
        expected.add(operation)
      }
      if (list.size !== expected.size) throw new Error(`${list.size} instead of ${expected.size}`)
      const found = list.all()
      if (found.length !== expected.size || [...expected].some((each, at) => found[at] !== each)) throw new Error('not the same ones, or not in their order')
    }
  }), { numRuns: 500 })
  t.end()
})
