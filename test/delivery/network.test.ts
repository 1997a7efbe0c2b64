import t from 'tap'
import { ingestion, type Ingestion, type Script } from '../fixtures/ingestion'
import { produce, QUICK, temporary, until } from '../fixtures/telemetry'

t.jobs = 6

t.test('redirects within the same host are followed and remembered', async t => {
  const server = await ingestion()
  t.teardown(server.close)
  server.script = ({ number }) => number === 0 ? { status: 308, headers: { location: `${server.url}/moved/v2.1/track` } } : 200
  const { delivery, log } = produce({ connectionString: server.connectionString, timing: QUICK })
  t.teardown(() => delivery.close(100))
  log('one')
  t.match(await delivery.flush(15_000), { sent: 1 })
  log('two')
  t.match(await delivery.flush(15_000), { sent: 2 })
  t.same(server.posts.map(post => post.path), ['/v2.1/track', '/moved/v2.1/track', '/moved/v2.1/track'])
})

for (const [what, location] of Object.entries({ 'a path': '/moved/v2.1/track', 'a path from here': './track?moved', 'no scheme': '//127.0.0.1:PORT/v2.1/track' })) {
  t.test(`a redirect that changes only ${what} is followed`, async t => {
    const server = await ingestion()
    t.teardown(server.close)
    server.script = ({ number }) => number === 0 ? { status: 307, headers: { location: location.replace('PORT', String(server.port)) } } : 200
    const { delivery, log } = produce({ connectionString: server.connectionString, timing: QUICK })
    t.teardown(() => delivery.close(100))
    log('one')
    t.match(await delivery.flush(15_000), { sent: 1 })
    t.equal(server.posts.length, 2)
  })
}

const unfollowable: Record<string, (server: Ingestion, stranger: Ingestion) => Script> = {
  'to a stranger': (_, stranger) => () => ({ status: 307, headers: { location: `${stranger.url}/v2.1/track` } }),
  'to another host': () => () => ({ status: 308, headers: { location: 'https://example.in.applicationinsights.azure.com/v2.1/track' } }),
  'to nowhere': () => () => 307,
  'to no URL': () => () => ({ status: 308, headers: { location: 'http://[' } }),
  'in a circle': server => () => ({ status: 307, headers: { location: `${server.url}/v2.1/track` } }),
  'of another kind': server => () => ({ status: 302, headers: { location: `${server.url}/login` } })
}
for (const [where, script] of Object.entries(unfollowable)) {
  for (const disk of [true, false]) {
    t.test(`a redirect ${where} is an outage: the rows wait ${disk ? 'on disk' : 'in memory'} and are sent afterwards`, async t => {
      const stranger = await ingestion()
      t.teardown(stranger.close)
      const server = await ingestion()
      t.teardown(server.close)
      server.script = script(server, stranger)
      const { delivery, warnings, log } = produce({ connectionString: server.connectionString, timing: QUICK, storageDirectory: disk ? temporary(t) : false })
      t.teardown(() => delivery.close(100))
      log('one')
      t.ok(await until(() => server.posts.length > 3 && delivery.stats().lastError !== null && (!disk || delivery.stats().traces.spooled === 1), 30_000))
      t.match(await delivery.flush(15_000), disk ? { sent: 0, lost: 0, spooled: 1 } : { sent: 0, lost: 0, pending: 1 })
      t.equal(stranger.posts.length, 0)
      t.match(delivery.stats().lastError?.message, /HTTP 30\d/)
      if (where !== 'of another kind') t.equal(warnings.filter(each => each.includes('redirect') && !each.includes('wait on disk')).length, 1, 'said once')
      server.script = () => 200
      t.ok(await until(() => delivery.stats().traces.delivered === 1, 30_000))
      t.same([...server.accepted], [['one', 1]])
    })
  }
}

for (const worker of [true, false]) {
  t.test(`${worker ? 'worker' : 'in-process'}: tokens from the credential are cached, and renewed when one is rejected`, async t => {
    const asked: Array<string | string[]> = []
    const credential = {
      async getToken (scopes: string | string[]) {
        asked.push(scopes)
        return { token: `token-${asked.length}`, expiresOnTimestamp: Date.now() + 3_600_000 }
      }
    }
    const server = await ingestion(({ headers }) => headers.authorization === 'Bearer token-1' && server.accepted.size > 2 ? 401 : 200)
    t.teardown(server.close)
    const { delivery, log } = produce({ connectionString: server.connectionString, credential, worker, timing: QUICK })
    t.teardown(() => delivery.close(100))
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      log(id)
      await delivery.flush(15_000)
    }
    t.same(asked, ['https://monitor.azure.com/.default', 'https://monitor.azure.com/.default'])
    t.same(server.posts.map(post => post.headers.authorization), ['Bearer token-1', 'Bearer token-1', 'Bearer token-1', 'Bearer token-1', 'Bearer token-2', 'Bearer token-2'])
    t.equal(server.accepted.size, 5)
  })

  t.test(`${worker ? 'worker' : 'in-process'}: a credential that fails or lacks the role counts as an outage: nothing is lost, and no token is stored`, async t => {
    let works = false
    const credential = {
      async getToken () {
        if (!works) throw new Error('secret details')
        return { token: 'secret-token', expiresOnTimestamp: Date.now() + 3_600_000 }
      }
    }
    const server = await ingestion(() => 403)
    t.teardown(server.close)
    const { delivery, ids, log } = produce({ connectionString: server.connectionString, credential, worker, storageDirectory: temporary(t), timing: QUICK })
    t.teardown(() => delivery.close(100))
    log('a')
    t.ok(await until(() => delivery.stats().traces.spooled === 1, 15_000))
    t.notMatch(delivery.stats().lastError?.message, 'secret')
    works = true
    log('b')
    t.ok(await until(() => /HTTP 403.*role/.test(delivery.stats().lastError?.message ?? ''), 15_000))
    server.script = () => 200
    t.ok(await until(() => server.accepted.size === ids.length, 15_000))
    t.same(server.duplicates(), [])
  })
}

for (const [failures, when] of [[1, 'at the first failure'], [6, 'in an outage']] as const) {
  t.test(`${when}, flush() makes its own attempt when the one in flight fails`, async t => {
    const server = await ingestion(() => 503)
    t.teardown(server.close)
    const { delivery, log } = produce({ connectionString: server.connectionString, timing: QUICK })
    t.teardown(() => delivery.close(100))
    log('one')
    t.ok(await until(() => server.posts.length >= failures - 1, 15_000))
    server.latency = 500
    const before = server.posts.length
    t.ok(await until(() => server.posts.length > before, 15_000))
    server.latency = 0
    server.script = () => 200
    t.match(await delivery.flush(10_000), { sent: 1, pending: 0 })
    t.same([...server.accepted], [['one', 1]])
  })
}
