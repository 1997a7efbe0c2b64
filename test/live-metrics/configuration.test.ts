import t from 'tap'
import { Collection } from '../../dist/live-metrics/configuration.js'
import { milliseconds } from '../../dist/live-metrics/filters.js'
import type { Item } from '../../dist/live-metrics/items.js'

const item = (properties: Record<string, string>, weight = 1): Item =>
  ({ type: 'Request', columns: { Name: 'GET /', Url: 'http://shop/', ResponseCode: '200' }, duration: 12, success: true, properties, weight })

const chart = (Projection: string, Aggregation: string): Collection => new Collection({
  ETag: '1',
  Metrics: [{ Id: 'chart', TelemetryType: 'Request', FilterGroups: [{ Filters: [] }], Projection, Aggregation }]
})

for (const aggregation of ['Sum', 'Avg', 'Min', 'Max']) {
  t.test(`the value of a chart is a number that JSON can hold: ${aggregation}`, async t => {
    const collection = chart('CustomDimensions.price', aggregation)
    for (const price of ['Infinity', '-Infinity', '1e400', 'cheap', '', '1e308', '1e308', '1e308']) collection.add(item({ price }))
    const [{ Value, Weight }] = collection.take(1)
    t.ok(Number.isFinite(Value), `${Value}`)
    t.equal(Weight, 3, 'what is no number is not counted')
  })
}

t.test('the weight is a whole number under sampling, as the service reads it', async t => {
  const collection = chart('Duration', 'Avg')
  t.strictSame(collection.take(1), [{ Name: 'chart', Value: 0, Weight: 1 }])
  collection.add(item({}, 100 / 33))
  collection.add(item({}, 100 / 33))
  const [{ Value, Weight }] = collection.take(1)
  t.equal(Weight, 6)
  t.ok(Math.abs(Value - 12) < 0.001, `${Value}`)
  collection.add(item({}, 1e12))
  t.equal(collection.take(1)[0].Weight, 2 ** 31 - 1)
})

t.test('a timespan may have no digits before or after its point', async t => {
  t.equal(milliseconds('0.0:0:.5'), 500)
  t.equal(milliseconds('0.0:0:1.'), 1_000)
  t.equal(milliseconds('14.6:56:7.89'), 1_234_567_890)
  for (const wrong of ['', '1', '0.0:0:.', '0.0:0:1,5', '-0.0:0:1', 'PT1S']) t.ok(Number.isNaN(milliseconds(wrong)), wrong)
})
