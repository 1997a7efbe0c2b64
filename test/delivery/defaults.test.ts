import t from 'tap'
import { ingestion, type Ingestion, type Script } from '../fixtures/ingestion'
import { produce, sums, temporary, until } from '../fixtures/telemetry'

// Nothing is sped up here. FAI_TEST_OUTAGE makes the outage longer, in milliseconds.
const OUTAGE = Number(process.env.FAI_TEST_OUTAGE ?? 8_000)
const PER_SECOND = 500

t.jobs = 3

for (const [what, script] of Object.entries<Script | 'refused'>({ 'answers 503': () => 503, 'accepts and never answers': () => 'hang', 'refuses connections': 'refused' })) {
  t.test(`${PER_SECOND} requests a second, an endpoint that ${what} for ${OUTAGE / 1000} s: everything arrives within 30 s of recovery, nothing twice`, { timeout: OUTAGE + 60_000 }, async t => {
    let server: Ingestion = await ingestion()
    const first = server
    t.teardown(() => server.close())
    const { delivery, ids, request } = produce({ connectionString: server.connectionString, storageDirectory: temporary(t) })
    t.teardown(() => delivery.close(100))
    let sent = 0
    const start = Date.now()
    const load = setInterval(() => {
      for (const due = (Date.now() - start) / 1000 * PER_SECOND; sent < due; sent++) request(`r${sent}`)
    }, 10)
    await new Promise(resolve => setTimeout(resolve, 500))
    if (script === 'refused') {
      await delivery.flush()
      await server.close()
    } else {
      server.script = script
    }
    await new Promise(resolve => setTimeout(resolve, OUTAGE))
    t.same(sums(delivery.stats()).map(([recorded, sum]) => recorded - sum), [0, 0, 0, 0, 0, 0])
    if (script === 'refused') server = await ingestion(() => 200, first.port)
    else server.script = () => 200
    const recovered = Date.now()
    await new Promise(resolve => setTimeout(resolve, 500))
    clearInterval(load)
    const accepted = (): number => server === first ? first.accepted.size : first.accepted.size + server.accepted.size
    t.ok(await until(() => accepted() === ids.length, 30_000), `${ids.length} items, ${Date.now() - recovered} ms after recovery`)
    t.same([...first.duplicates(), ...server.duplicates()], [])
    const { delivered, dropped } = delivery.stats().requests
    t.same(dropped, {})
    t.ok(delivered <= ids.length / 2)
  })
}
