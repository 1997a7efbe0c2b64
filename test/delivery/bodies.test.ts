/** Rows' texts → bodies, and what the exporter makes on the way. */
import { join, dirname } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { gunzipSync } from 'node:zlib'
import { resourceFromAttributes } from '@opentelemetry/resources'
import t, { type Test } from 'tap'
import { total } from '../../dist/delivery/counters.js'
import { MAX_BODY } from '../../dist/delivery/pipeline/bodies.js'
import { BodyWriter } from '../../dist/delivery/pipeline/body-writer.js'
import { loadExporters } from '../../dist/delivery/pipeline/exporters.js'
import { rowTexts, type RowTexts } from '../../dist/delivery/pipeline/row-texts.js'
import { parseConnectionString } from '../../dist/options/connection-string.js'

interface Row { kind: string, n: number, text: string }

/** As many rows of a kind. */
function rowsOf (kind: string, count: number, text = ''): RowTexts {
  const numbers = Array.from({ length: count }, (_, n) => n)
  return { texts: numbers.map(n => JSON.stringify({ kind, n, text })), kinds: numbers.map(() => kind === 'request' ? 0 : 2) }
}

/** @returns the rows of each body, whose counts must be right */
async function written (t: Test, writes: RowTexts[][], { memory = 1_024, compressed = true } = {}): Promise<Row[][]> {
  const writer = new BodyWriter(Buffer.alloc(memory), compressed)
  for (const rows of writes) await writer.write(rows)
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
      const [rows = [], ...others] = await written(t, [[rowsOf('request', requests), rowsOf('line', lines)]], { compressed })
      t.same(others, [])
      t.same(ofKind(rows, 'request'), upTo(requests), `${requests} requests`)
      t.same(ofKind(rows, 'line'), upTo(lines), `${lines} lines`)
      if (requests === 64) t.same(rows.slice(0, 32).map(({ kind }) => kind), [...Array<string>(16).fill('request'), ...Array<string>(16).fill('line')])
    }
  }
})

t.test('several writes share a body', async t => {
  const bodies = await written(t, [[rowsOf('request', 3)], [rowsOf('request', 2), rowsOf('line', 4)], [], [rowsOf('line', 1)]])
  t.equal(bodies.length, 1)
  t.same(ofKind(bodies[0], 'request'), [0, 1, 2, 0, 1])
  t.same(ofKind(bodies[0], 'line'), [0, 1, 2, 3, 0])
})

t.test('nothing written makes no body', async t => {
  t.same(await written(t, []), [])
  t.same(await written(t, [[]]), [])
})

t.test('a body has a limit, and memory grows up to it', async t => {
  const long = '\u20ac'.repeat(1_000)
  const bodies = await written(t, Array.from({ length: 30 }, () => [rowsOf('request', 64, long), rowsOf('line', 64, long)]))
  t.equal(bodies.length > 1, true)
  t.equal(bodies.flat().length, 30 * 128)
  t.same(bodies.flat().filter(({ text }) => text !== long), [])
  for (const rows of bodies) t.ok(JSON.stringify(rows).length <= MAX_BODY * 1.2)
})

t.test('what is too long together is parted', async t => {
  const long = 'x'.repeat(10_000)
  const bodies = await written(t, [[rowsOf('request', 60, long), rowsOf('line', 60, long)]])
  t.equal(bodies.length, 2)
  t.same(ofKind(bodies.flat(), 'request'), upTo(60))
  t.same(ofKind(bodies.flat(), 'line'), upTo(60))
  for (const rows of bodies) t.ok(JSON.stringify(rows).length <= MAX_BODY)
})

t.test('an item that the exporter fails at has no row, and the others have theirs', async t => {
  const failing = async (items: unknown[]): Promise<object[]> => {
    if (items.includes('bad')) throw new Error('fails')
    return items.map(item => ({ name: String(item), data: { baseType: 'RequestData', baseData: {} } }))
  }
  const none = async (): Promise<object[]> => []
  const items = { spans: ['one', 'bad', 'two'], records: [], metrics: [] }
  const [{ texts, kinds }] = await rowTexts(items as never, { spans: failing, records: none, metrics: none } as never)
  t.same(texts.map(text => (JSON.parse(text) as { name: string }).name), ['one', 'two'])
  t.same(kinds, [0, 0])
})

t.test('the exporter posts nothing, says that it did, and gets its constants from plain objects', async t => {
  const { spans } = loadExporters(parseConnectionString('InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:9/'), false)
  t.same(await spans([]), [])
  const folder = dirname(require.resolve('@azure/monitor-opentelemetry-exporter'))
  for (const path of ['generated/index.js', 'types.js', 'utils/constants/applicationinsights.js']) {
    const exports = require(join(folder, path)) as Record<string, unknown>
    t.ok(Object.keys(exports).length > 0, path)
    t.same(Object.values(Object.getOwnPropertyDescriptors(exports)).filter(({ get }) => get !== undefined), [], path)
  }
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
