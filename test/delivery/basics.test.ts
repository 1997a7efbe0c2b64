import t from 'tap'
import { ingestion } from '../fixtures/ingestion'
import { produce, sums, until } from '../fixtures/telemetry'

for (const worker of [true, false]) {
  t.test(worker ? 'with a worker thread' : 'in-process', async t => {
    t.test('everything recorded arrives once, and all counts add up', async t => {
      const server = await ingestion()
      t.teardown(server.close)
      const { delivery, ids, request, error, event, dependency } = produce({ connectionString: server.connectionString, worker })
      for (let n = 0; n < 300; n++) request(`r${n}`)
      error('e')
      event('sold')
      dependency('d')
      t.same(sums(delivery.stats()).map(([recorded, sum]) => recorded - sum), [0, 0, 0, 0, 0, 0])

      t.match(await delivery.flush(10_000), { sent: ids.length, spooled: 0, lost: 0, pending: 0 })
      t.same([...server.accepted.keys()].sort(), [...ids].sort())
      t.same(server.duplicates(), [])
      t.match(delivery.stats(), {
        requests: { recorded: 300, delivered: 300, queued: 0, inFlight: 0, dropped: {} },
        traces: { recorded: 300, delivered: 300 },
        exceptions: { recorded: 1, delivered: 1 },
        dependencies: { recorded: 1, delivered: 1 },
        customEvents: { recorded: 1, delivered: 1 },
        lastError: null
      })
      t.match(await delivery.close(1_000), { sent: ids.length, spooled: 0, lost: 0 })
      t.equal(delivery.close(1_000), delivery.close(5), 'closing twice is closing once')
    })

    t.test('a batch is soon sent automatically', async t => {
      const server = await ingestion()
      t.teardown(server.close)
      const { delivery, log } = produce({ connectionString: server.connectionString, worker })
      t.teardown(() => delivery.close(100))
      log('one')
      t.ok(await until(() => server.accepted.has('one'), 10_000))
    })

    t.test('rows keep their operation, role and properties', async t => {
      const server = await ingestion()
      t.teardown(server.close)
      const { delivery, request } = produce({ connectionString: server.connectionString, worker })
      request('r')
      await delivery.close(5_000)
      const row = server.envelopes.find(each => each.data.baseType === 'RequestData')
      const line = server.envelopes.find(each => each.data.baseType === 'MessageData')
      t.equal(server.envelopes.length, 2, 'and no row about the resource')
      t.match(row, {
        tags: { 'ai.cloud.role': 'shop', 'ai.cloud.roleInstance': 'one', 'ai.operation.name': 'GET /carts/:id', 'ai.location.ip': '10.0.0.1' },
        data: { baseData: { responseCode: '200', success: true, url: 'http://shop.local:3000/carts/r?a=b', properties: { id: 'r-request' } } }
      })
      t.match(line, {
        tags: { 'ai.operation.id': row?.tags['ai.operation.id'], 'ai.operation.parentId': row?.data.baseData.id, 'ai.operation.name': 'GET /carts/:id' },
        data: { baseData: { message: 'looked up', severityLevel: 'Information', properties: { id: 'r-line' } } }
      })
    })
  })
}
