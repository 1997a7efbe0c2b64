/** What is packed comes out as it was, however the attributes of one item differ from those of the one before. */
import { type Attributes, SpanKind } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import t from 'tap'
import { Packer } from '../../dist/delivery/pack.js'
import { unpack, unpackParts } from '../../dist/delivery/pipeline/unpack.js'
import { total } from '../../dist/delivery/counters.js'
import type { RowSpan } from '../../dist/rows/span.js'

const resource = resourceFromAttributes({})

function span (attributes: Attributes): RowSpan {
  return {
    spanContext: () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }),
    parentSpanContext: undefined,
    name: 'GET /',
    kind: SpanKind.INTERNAL,
    startTime: [1, 2],
    duration: [0, 3],
    status: { code: 0 },
    attributes,
    events: [],
    links: []
  }
}

/** @returns the attributes of each item */
function roundTrip (items: Attributes[]): Attributes[] {
  const packer = new Packer()
  for (const attributes of items) packer.span(span(attributes))
  const unpacked = unpack(packer.seal(), resource)
  return unpacked.spans.map(({ attributes }) => attributes)
}

const many = (count: number, value: (n: number) => string): Attributes => Object.fromEntries(Array.from({ length: count }, (_, n) => [`name${n}`, value(n)]))

t.test('attributes of spans', t => {
  const table: Array<[what: string, items: Attributes[]]> = [
    ['none', [{}, {}, {}]],
    ['the same', [{ a: 'x', b: 1, c: true }, { a: 'x', b: 1, c: true }, { a: 'x', b: 1, c: true }]],
    ['one that changes and changes back', [{ a: 'x', b: 1 }, { a: 'y', b: 1 }, { a: 'x', b: 1 }]],
    ['the last one changes', [{ a: 'x', b: 1 }, { a: 'x', b: 2 }]],
    ['values of several types', [{ a: 1 }, { a: '1' }, { a: true }, { a: 'true' }, { a: 0 }, { a: false }, { a: '' }]],
    ['names that differ', [{ a: 'x' }, { b: 'x' }, { a: 'x', b: 'x' }, { b: 'x', a: 'x' }, {}, { a: 'x' }]],
    ['more shapes than are looked at', Array.from({ length: 40 }, (_, n) => ({ [`name${n % 20}`]: 'x' }))],
    ...[30, 31, 32, 33, 62, 100].flatMap((count): Array<[string, Attributes[]]> => [
      [`${count} that are the same`, [many(count, () => 'x'), many(count, () => 'x')]],
      [`${count} that all change`, [many(count, () => 'x'), many(count, n => `y${n}`), many(count, () => 'x')]],
      [`${count}, and every third changes`, [many(count, () => 'x'), many(count, n => n % 3 === 0 ? 'y' : 'x')]]
    ])
  ]
  for (const [what, items] of table) t.same(roundTrip(items), items, what)
  t.end()
})

t.test('an item that cannot be packed leaves the next one as it was', t => {
  const packer = new Packer()
  const broken: Attributes = { a: 'x' }
  Object.defineProperty(broken, 'b', { enumerable: true, get () { throw new Error('unreadable') } })
  const items = [{ a: 'y', b: 'y' }, { a: 'y', b: 'z' }]
  t.throws(() => packer.span(span(broken)), { message: 'unreadable' })
  packer.span(span(items[0]))
  t.throws(() => packer.span(span(broken)), { message: 'unreadable' })
  packer.span(span(items[1]))
  const unpacked = unpack(packer.seal(), resource)
  t.same(unpacked.spans.map(({ attributes }) => attributes), items)
  t.end()
})

t.test('records and spans of one batch', t => {
  const packer = new Packer()
  const record = (attributes: Attributes): ReadableLogRecord => ({ hrTime: [1, 2], hrTimeObserved: [1, 2], severityNumber: 9, body: 'said', attributes, resource, instrumentationScope: { name: 'x' }, droppedAttributesCount: 0 })
  const items = [{ a: 'x', b: 'y' }, { a: 'x', b: 'z' }, {}]
  for (const attributes of items) {
    packer.span(span(attributes))
    packer.record(record(attributes))
  }
  const unpacked = unpack(packer.seal(), resource)
  t.same(unpacked.spans.map(({ attributes }) => attributes), items)
  t.same(unpacked.records.map(({ attributes }) => attributes), items)
  t.end()
})

t.test('a part of a batch at a time', t => {
  const packer = new Packer()
  const items = Array.from({ length: 10 }, (_, n): Attributes => ({ n, even: n % 2 === 0 }))
  for (const attributes of items) packer.span(span(attributes))
  const sealed = packer.seal()
  for (const [size, parts] of [[1, 10], [3, 4], [5, 2], [10, 1], [11, 1], [Infinity, 1]] as const) {
    const found = [...unpackParts(sealed, resource, size)].filter(({ spans }) => spans.length > 0)
    t.equal(found.length, parts, `${size} at a time`)
    t.same(found.flatMap(({ spans }) => spans.map(({ attributes }) => attributes)), items)
    t.equal(found.reduce((sum, { spanCounts }) => sum + total(spanCounts), 0), items.length)
  }
  t.end()
})
