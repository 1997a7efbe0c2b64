/** Rows' texts → bodies, and what the exporter makes on the way. */
import { join, dirname } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { gunzipSync } from 'node:zlib'
import { resourceFromAttributes } from '@opentelemetry/resources'
import t, { type Test } from 'tap'
import { countsOf, total } from '../../dist/delivery/counters.js'
import { MAX_BODY } from '../../dist/delivery/pipeline/bodies.js'
import { BodyWriter } from '../../dist/delivery/pipeline/body-writer.js'
import { loadExporters } from '../../dist/delivery/pipeline/exporters.js'
import type { RowText } from '../../dist/delivery/pipeline/row-texts.js'
import { parseConnectionString } from '../../dist/options/connection-string.js'

interface Row { kind: string, n: number, text: string }

/** As many rows of a kind, and where each of them begins. */
function rowText (kind: string, count: number, text = ''): RowText {
  const rows = Array.from({ length: count }, (_, n) => JSON.stringify({ kind, n, text }))
  const starts: number[] = []
  let at = 1
  for (const row of rows) {
    starts.push(at)
    at += row.length + 1
  }
  const counts = countsOf()
  counts[kind === 'request' ? 0 : 2] = count
  return { text: `[${rows.join(',')}]`, counts, starts }
}

/** @returns the rows of each body, whose counts must be right */
async function written (t: Test, writes: RowText[][], { memory = 1_024, compressed = true } = {}): Promise<Row[][]> {
  const writer = new BodyWriter(Buffer.alloc(memory), compressed)
  for (const texts of writes) await writer.write(texts)
  const { bodies } = await writer.finish()
  return bodies.map(({ body: { data, gzip }, counts }) => {
    const text = (gzip ? gunzipSync(data) : data).toString()
    t.equal(gzip, compressed)
    const rows = JSON.parse(text) as Row[]
    t.equal(total(counts), rows.length)
    t.equal(counts[0], rows.filter(({ kind }) => kind === 'request').length)
    return rows
  })
}

const ofKind = (rows: Row[], wanted: string): number[] => rows.filter(({ kind }) => kind === wanted).map(({ n }) => n)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

t.test('rows of both kinds are all there, in their order, and close to each other', async t => {
  for (const [requests, lines] of [[64, 64], [1, 1], [1, 100], [100, 1], [0, 5], [5, 0], [33, 31], [16, 17]] as const) {
    for (const compressed of [true, false]) {
      const [rows = [], ...others] = await written(t, [[rowText('request', requests), rowText('line', lines)]], { compressed })
      t.same(others, [])
      t.same(ofKind(rows, 'request'), upTo(requests), `${requests} requests`)
      t.same(ofKind(rows, 'line'), upTo(lines), `${lines} lines`)
      if (requests === 64) t.same(rows.slice(0, 32).map(({ kind }) => kind), [...Array<string>(16).fill('request'), ...Array<string>(16).fill('line')])
    }
  }
})

t.test('several writes share a body', async t => {
  const bodies = await written(t, [[rowText('request', 3)], [rowText('request', 2), rowText('line', 4)], [], [rowText('line', 1)]])
  t.equal(bodies.length, 1)
  t.same(ofKind(bodies[0], 'request'), [0, 1, 2, 0, 1])
  t.same(ofKind(bodies[0], 'line'), [0, 1, 2, 3, 0])
})

t.test('nothing written makes no body', async t => {
  t.same(await written(t, []), [])
  t.same(await written(t, [[]]), [])
})

t.test('rows that must not be parted stay together, whatever stands beside them', async t => {
  const group: RowText = { ...rowText('line', 40), starts: [1] }
  const [rows] = await written(t, [[rowText('request', 40), group]])
  t.same(ofKind(rows, 'request'), upTo(40))
  t.same(ofKind(rows, 'line'), upTo(40))
})

t.test('a body has a limit, and memory grows up to it', async t => {
  const long = '\u20ac'.repeat(1_000)
  const bodies = await written(t, Array.from({ length: 30 }, () => [rowText('request', 64, long), rowText('line', 64, long)]))
  t.equal(bodies.length > 1, true)
  t.equal(bodies.flat().length, 30 * 128)
  t.same(bodies.flat().filter(({ text }) => text !== long), [])
  for (const rows of bodies) t.ok(JSON.stringify(rows).length <= MAX_BODY * 1.2)
})

t.test('what is too long together goes apart', async t => {
  const long = 'x'.repeat(10_000)
  const bodies = await written(t, [[rowText('request', 60, long), rowText('line', 60, long)]])
  t.same(bodies.map(rows => [ofKind(rows, 'request').length, ofKind(rows, 'line').length]), [[60, 0], [0, 60]])
})

t.test('the tags of all rows have one hidden class', t => {
  loadExporters(parseConnectionString('InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:9/'), false)
  const { createTagsFromResource } = require(join(dirname(require.resolve('@azure/monitor-opentelemetry-exporter')), 'utils', 'common.js')) as { createTagsFromResource: (resource: unknown) => Record<string, string> }
  setFlagsFromString('--allow-natives-syntax')
  const sameClass = runInThisContext('(one, other) => %HaveSameMap(one, other)') as (one: object, other: object) => boolean
  const resource = resourceFromAttributes({ 'service.name': 'bookshop', 'service.instance.id': 'one' })
  const tags = Array.from({ length: 1_000 }, () => {
    const made = createTagsFromResource(resource)
    made['ai.operation.id'] = 'x'
    return made
  })
  t.equal(tags.filter(each => sameClass(each, tags[999])).length > 900, true)
  t.end()
})
